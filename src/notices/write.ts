import { newId } from '../clock.ts';
import { sha256 } from '../embargo/bundle.ts';
import { parseEntity } from '../mail/message.ts';
import { entity, multipart, textPart, words } from '../mail/outgoing.ts';
import { contentOf } from '../mail/protected.ts';
import type { Seams } from '../seams.ts';
import type { List, NewPost, PostKind } from '../store/schema.ts';
import type { Notice } from './templates.ts';

/** A notice as a mail body with its subject: what is kept (sealed) until copies are made of it. */
export function noticeEntity({ subject, text }: Notice, attachments: readonly Uint8Array[] = []): Buffer {
  const content = attachments.length === 0 ? textPart(text) : multipart('mixed', [textPart(text), ...attachments]);
  const parsed = parseEntity(content);
  return Buffer.concat([Buffer.from(subjectLine(subject)), contentOf(parsed)]);
}

function subjectLine(subject: string): string {
  return entity([['Subject', words(subject)]], '')
    .toString()
    .replace(/\r\n\r\n$/, '\r\n');
}

/** The row of a post that Curfew writes, its content sealed to the list's key. Nothing is written to the database. */
export async function writeNotice(
  { clock, keyring, pgp }: Seams,
  list: Pick<List, 'id' | 'address' | 'fingerprint'>,
  about: { kind: PostKind; caseId: string | null },
  content: Uint8Array,
): Promise<NewPost> {
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Error(`there is no key for ${list.address}`);
  const now = clock.now();
  return {
    id: newId(clock),
    list_id: list.id,
    case_id: about.caseId,
    kind: about.kind,
    digest: sha256(content),
    encrypted: 1,
    received_at: now,
    size: content.length,
    content: await pgp.keep(content, key.certificate, now),
  };
}
