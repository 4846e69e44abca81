import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/root.ts';

/** By corpus and file. */
export type Verdicts = Map<string, string>;

export const frozenFile = join(ROOT, 'test/conformance/verdicts.tsv');

/** What every mail came to when this table was last looked at by a person. A change of it is a change of behaviour. */
export function frozenVerdicts(): Verdicts {
  if (!existsSync(frozenFile)) return new Map();
  const lines = readFileSync(frozenFile, 'utf8').trimEnd().split('\n').slice(1);
  return new Map(lines.map((line) => line.split('\t', 2) as [string, string]));
}

export function frozenText(verdicts: Verdicts): string {
  return ['file\tverdict', ...[...verdicts].map((each) => each.join('\t')), ''].join('\n');
}
