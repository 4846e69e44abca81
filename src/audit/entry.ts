import { createHash } from 'node:crypto';
import { type Instant, toIso } from '../clock.ts';

/** Who did something: a person of the roster, a token of nobody, whoever is at the host, or Curfew itself. */
export interface Actor {
  type: 'person' | 'token' | 'host' | 'system';
  /** Of the contact or the token; the name of the user of the host; null for Curfew itself. */
  id: string | null;
  /** What he was called then, such as an address. */
  name: string | null;
  /** How he came: `token:ID`, `mail:ID` of the post that asked, `link:ID` of the copy whose link he followed, or `oidc:SUBJECT` of his account; null where he was there. */
  via: string | null;
}

/** Curfew itself: its loops, and mail of people who are not on the roster. */
export const SYSTEM: Actor = { type: 'system', id: null, name: null, via: null };

/** What is looked up by: `person:ID`. */
export function actorKey({ type, id }: Actor): string {
  return id === null ? type : `${type}:${id}`;
}

/** What may be said of a change. Never a word that somebody wrote in confidence: no text, subject or sender of a mail. */
export type Detail = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** Something that was done. `action`: noun.verb; `subject`: noun:ID. */
export interface Deed {
  action: string;
  subject: string;
  detail?: Detail;
}

/** The end of the log: how many lines it has, and the hash of the last one. */
export interface End {
  seq: number;
  hash: string;
}

/** Before the first line. */
export const BEGINNING: End = { seq: 0, hash: '0'.repeat(64) };

export interface Line extends End {
  /** JSON on one line, as docs/audit.md describes it. */
  line: string;
}

/** The next line: it names the hash of the one before, so that whoever changes, removes or moves one breaks the chain there. */
export function nextLine(end: End, at: Instant, actor: Actor, { action, subject, detail = {} }: Deed): Line {
  const seq = end.seq + 1;
  const line = JSON.stringify({ seq, at: toIso(at), actor, action, subject, detail, prev: end.hash });
  return { seq, line, hash: createHash('sha256').update(line).digest('hex') };
}
