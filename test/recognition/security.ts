import { createHash } from 'node:crypto';
import { type Fingerprint, fingerprint } from '../../src/embargo/fingerprint.ts';
import { filesBelow, inForm, type Ordinary, shuffled, textOf } from './ordinary.ts';

/** One version's entry in a Debian changelog that speaks of vulnerabilities, and is as long as an advisory. */
interface Entry {
  program: string;
  /** The higher, the older. */
  at: number;
  text: string;
  cves: readonly string[];
}

const WORDS = { least: 40, most: 800 };

const CVE = /CVE-\d{4}-\d{4,}/g;

/** Entries of all changelogs below a folder, each text once: many packages come from one source. */
function entriesBelow(root: string): Entry[] {
  const seen = new Set<string>();
  const files = filesBelow(root).filter((path) => /changelog\.debian\.gz$/i.test(path));
  return files.flatMap((path) =>
    textOf(path)
      .split(/^ -- .*$/m)
      .flatMap((written, at) => {
        const text = written.trim();
        const cves = [...new Set(text.match(CVE))];
        const words = text.split(/\s+/).length;
        const hash = createHash('sha256').update(text.replace(/^.*\n/, '')).digest('hex');
        if (cves.length === 0 || words < WORDS.least || words > WORDS.most || seen.has(hash)) return [];
        seen.add(hash);
        return [{ program: /^\S+/.exec(text)?.[0] ?? '', at, text, cves }];
      }),
  );
}

export interface Notices {
  fingerprints: Fingerprint[];
  /** The same, with half of what was published on the program before. */
  informed: Fingerprint[];
  ordinary: Ordinary[];
}

/**
 * The hardest ordinary mail that there is without inventing any: real people's words on vulnerabilities. Some entries are taken for
 * secrets, without the ids in them; older ones, of the same programs where they are, for mails and for what is public. What names a CVE of a secret is left
 * out: it would tell it.
 */
export function securityNotices(root: string, secrets: number, mails: number, chance: () => number): Notices {
  const entries = shuffled(entriesBelow(root), chance);
  const secret = entries.slice(0, secrets);
  const youngest = new Map<string, number>();
  for (const { program, at } of secret) youngest.set(program, Math.max(at, youngest.get(program) ?? 0));
  const told = new Set(secret.flatMap(({ cves }) => cves));
  const others = entries.slice(secrets).filter(({ cves }) => !cves.some((cve) => told.has(cve)));
  const older = others.filter(({ program, at }) => at > (youngest.get(program) ?? Number.POSITIVE_INFINITY));
  const published = older.filter((_, at) => at % 2 === 0);
  const sent = [...older.filter((_, at) => at % 2 === 1), ...others.filter(({ program }) => !youngest.has(program))];
  const printed = (known: (program: string) => string[]) =>
    secret.map(({ program, text }, at) =>
      fingerprint(
        `REAL-2026-${String(at).padStart(4, '0')}`,
        { ids: [], texts: [text.replace(CVE, '')], patches: [] },
        known(program),
      ),
    );
  return {
    fingerprints: printed(() => []),
    informed: printed((of) => published.flatMap(({ program, text }) => (program === of ? [text] : []))),
    ordinary: sent.slice(0, mails).map(({ program, text }) => ({
      source: `${program}: ${text.split('\n', 1)[0]}`,
      mail: inForm(`${program} update`, text, chance),
    })),
  };
}
