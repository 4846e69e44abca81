import type { Instant } from '../../clock.ts';
import { visibleContent } from '../../mail/content.ts';
import { type OpenedMail, openMail } from '../../pgp/open.ts';
import { asRefusal } from '../../refusal.ts';
import type { Cast, Person } from './cast.ts';
import type { Sent } from './sink.ts';

/** A copy as its recipient reads it. */
export interface Read {
  subject: string;
  outerSubject: string;
  text: string;
  /** By name. */
  files: Map<string, Uint8Array>;
  /** Fingerprint of the list key that signed the whole of it. */
  signer: string | null;
  encrypted: boolean;
}

/** What a person who knows the lists' certificates makes of a mail. Throws where his key does not open it. */
export async function read(sent: Sent, reader: Person | null, listCertificates: Uint8Array[], at: Instant): Promise<Read> {
  const opened: OpenedMail = await openMail(
    { raw: sent.raw, secrets: reader ? [reader.key.secret] : [], at },
    async () => listCertificates,
  );
  const { text, files } = await visibleContent(opened.content);
  return {
    subject: opened.subject,
    outerSubject: opened.outerSubject,
    text,
    files: new Map(files.map(({ name, bytes }) => [name, bytes])),
    signer: opened.signer?.certificateKnown ? opened.signer.fingerprint : null,
    encrypted: opened.encrypted,
  };
}

/** Everybody of the cast whose key opens the mail. */
export async function openers(sent: Sent, cast: Cast, at: Instant): Promise<Person[]> {
  const able: Person[] = [];
  for (const person of Object.values(cast)) {
    const opens = await read(sent, person, [], at).then(
      () => true,
      (error: unknown) => {
        if (asRefusal(error).reason !== 'cannot-open') throw error;
        return false;
      },
    );
    if (opens) able.push(person);
  }
  return able;
}
