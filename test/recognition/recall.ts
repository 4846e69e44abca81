import { fingerprint } from '../../src/embargo/fingerprint.ts';
import { embargoedIn, type Hit, type Watch, watch } from '../../src/embargo/recognise.ts';
import { parseMessage } from '../../src/mail/message.ts';
import { SECRETS, type Secret } from './secrets.ts';
import type { Transformation } from './transformations.ts';

export const embargoedOf = ({ ids, subject, text, patch }: Secret) => ({ ids, texts: [subject, text], patches: [patch] });

export const watched = watch(SECRETS.map((secret) => fingerprint(secret.caseId, embargoedOf(secret))));

export interface Try {
  transformation: string;
  caseId: string;
  recognised: boolean;
  hits: readonly Hit[];
}

/** Every secret in every transformation: recognised is the right case, by what was passed on. */
export function tries(transformations: readonly Transformation[], by: Watch = watched): Try[] {
  return transformations.flatMap(({ name, wants, mail }) =>
    SECRETS.map((secret) => {
      const hits = embargoedIn(parseMessage(mail(secret)), by);
      const recognised = hits.some(({ caseId, kind }) => caseId === secret.caseId && wants.includes(kind));
      return { transformation: name, caseId: secret.caseId, recognised, hits };
    }),
  );
}
