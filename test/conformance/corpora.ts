import { type Case, corpusAt } from './cases.ts';
import { efail } from './efail.ts';
import { johnny } from './johnny.ts';
import { protectedHeaders } from './protected-headers.ts';
import { schleuder } from './schleuder.ts';

/** Every corpus by the name of its folder, with what makes its cases. */
const readers: Readonly<Record<string, (dir: string) => Case[] | Promise<Case[]>>> = {
  schleuder,
  johnny,
  'protected-headers': protectedHeaders,
  'efail-and-bombs': efail,
};

export const corpora = Object.keys(readers);

/** Its cases, or why there are none. */
export async function casesOf(name: string): Promise<Case[] | { absent: string }> {
  const { dir, absent } = corpusAt(name);
  if (absent !== null) return { absent };
  return (await readers[name]?.(dir)) ?? [];
}
