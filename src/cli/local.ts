import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { Actor } from '../audit/entry.ts';
import { systemClock } from '../clock.ts';
import { CONFIG_HERE, type Config, loadConfig } from '../config.ts';
import type { Local as Seam } from '../seams.ts';
import { type Database, namingFile, openDatabase } from '../store/database.ts';

/** What a command that works on the database directly has, whether the server runs or not. */
export interface Local extends Seam {
  config: Config;
}

export interface LocalOptions {
  config: string;
  json?: true;
}

/** Gives a command the options that all local ones have. */
export function localCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--config <file>', 'the configuration', CONFIG_HERE)
    .option('--json', 'print JSON');
}

/** Opens what the configuration names, and closes it after `act`, however that ends. */
export async function withLocal<T>(options: LocalOptions, act: (local: Local) => Promise<T>): Promise<T> {
  const config = loadConfig(options.config);
  let db: Database | undefined;
  try {
    db = openDatabase(config.database);
    return await act({ config, db, clock: systemClock, by: atHost() });
  } catch (error) {
    throw namingFile(error, config.database);
  } finally {
    await db?.destroy();
  }
}

/** Whoever may read and write the database is taken by the name that the host has for him. */
export function atHost(): Actor {
  const { username } = userInfo();
  return { type: 'host', id: username, name: username, via: null };
}

/** To standard output: JSON for programs, the lines for people. */
export function print({ json }: { json?: true }, value: unknown, lines: readonly string[]): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : lines.map((line) => `${line}\n`).join(''));
}

/** Lines whose columns stand below each other. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** For an option that may be given again: all that was given, in its order. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** `2026-09-22`, or a dash. */
export function day(instant: number | null): string {
  return instant === null ? '-' : new Date(instant).toISOString().slice(0, 10);
}

/** For an option that takes a whole number of days, from 1 to about a hundred years. */
export function days(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > 36_500) throw new InvalidArgumentError('A whole number of days, 1 to 36500.');
  return number;
}
