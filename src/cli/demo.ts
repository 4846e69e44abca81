import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { DAY } from '../clock.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import { armorSecret } from '../pgp/secret.ts';
import { Refusal } from '../refusal.ts';
import { type Cast, makeCast } from './demo/cast.ts';
import type { Moment, Told } from './demo/narrator.ts';
import type { Stage } from './demo/stage.ts';
import { BEGIN, tell } from './demo/story.ts';

interface Options {
  keep?: string;
  fast?: true;
  json?: true;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('the main job from report to release, on a fresh instance over real sockets with a clock that is moved')
    .option('--keep <dir>', 'leave all mails, keys and the database in this new or empty folder')
    .option('--fast', 'without the pauses for reading')
    .option('--json', 'print the timeline as JSON, at the end')
    .action(demo);
}

/** Between two lines, so that a person can read along. */
const READING_MS = 400;

async function demo(options: Options): Promise<void> {
  const keep = options.keep === undefined ? null : resolve(options.keep);
  if (keep !== null && existsSync(keep) && (await readdir(keep)).length > 0)
    throw new Refusal('conflict', `${keep} is not empty`);
  const dir = await mkdtemp(join(tmpdir(), 'curfew-demo-'));
  try {
    const cast = await makeCast(BEGIN - 30 * DAY);
    const { setStage } = await import('./demo/stage.ts');
    const stage = await setStage(join(dir, 'project'), BEGIN);
    let told: Told;
    try {
      told = await tell(stage, cast, teller(options));
    } finally {
      await stage.close();
    }
    if (keep !== null) await leave(keep, join(dir, 'project'), stage, cast, told);
    close(told, options, keep);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** As a document: a heading for each day, and a line for each thing that happened. */
function teller(options: Options): (moment: Moment) => Promise<void> {
  let day = '';
  return async ({ at, event, detail }) => {
    const { json, fast } = options;
    if (json) return;
    if (day === '') process.stdout.write(`${TITLE}\n`);
    if (day !== at.slice(0, 10)) {
      day = at.slice(0, 10);
      process.stdout.write(`\n${WEEKDAYS[new Date(at).getUTCDay()]} ${day}\n`);
    }
    const [first = '', ...more] = folded(detail);
    const rest = more.map((line) => `${line.padStart(line.length + INDENT)}\n`);
    process.stdout.write(`  ${at.slice(11, 19)}  ${event.padEnd(INDENT - 13)} ${first}\n${rest.join('')}`);
    if (!fast && process.stdout.isTTY) await pause(READING_MS);
  };
}

const TITLE = 'A vulnerability in orbit from its report to the retrospective, as a team lives it with Curfew. All times are UTC.';
/** Columns: where the details begin, and how many they have. */
const INDENT = 50;
const WIDTH = 70;

/** In lines of the width of the details, where their words let them. */
function folded(detail: string): string[] {
  const lines: string[] = [''];
  for (const word of detail.split(' ')) {
    const last = lines.at(-1) ?? '';
    const longer = last === '' ? word : `${last} ${word}`;
    if (last === '' || longer.length <= WIDTH) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

function close(told: Told, { json }: Options, keep: string | null): void {
  if (json) return void process.stdout.write(`${JSON.stringify(told, null, 2)}\n`);
  const { accepted, refused, sent, sealed, forthcoming, public: published, early, lost, twice } = told.counts;
  process.stdout.write(
    `\nmails in:  ${accepted} accepted, ${refused} refused\n` +
      `mails out: ${sent}, ${sealed} sealed (each opened by its recipient's key alone), ${forthcoming} that a fix will come, ${published} public\n` +
      `early: ${early}, lost: ${lost}, twice: ${twice}\n`,
  );
  if (keep !== null) process.stdout.write(`Left in ${keep}: mails/, keys/, timeline.json, data/\n`);
}

/** All that was sent, every key without a passphrase, the timeline and the database: for anybody's own tools. */
async function leave(keep: string, project: string, { sent, running }: Stage, cast: Cast, told: Told): Promise<void> {
  for (const folder of ['mails', 'keys']) await mkdir(join(keep, folder), { recursive: true, mode: 0o700 });
  for (const [index, { to, raw }] of sent.entries())
    await writeFile(join(keep, 'mails', `${String(index + 1).padStart(4, '0')}-${to}.eml`), raw);
  const secrets = [
    ...Object.values(cast).map(({ address, key }) => ({ address, secret: key.secret })),
    ...running.seams.keyring.all().map(({ address, secret }) => ({ address, secret })),
  ];
  for (const { address, secret } of secrets) {
    const path = join(keep, 'keys', `${address}.sec.asc`);
    await writeFile(path, await armorSecret(secret), { mode: 0o600 });
  }
  // Who opens a copy wants to check the list's signature as well.
  for (const { address, certificate } of running.seams.keyring.all())
    await writeFile(join(keep, 'keys', `${address}.asc`), armorCertificate(certificate));
  await writeFile(join(keep, 'timeline.json'), `${JSON.stringify(told, null, 2)}\n`);
  await cp(join(project, 'data'), join(keep, 'data'), { recursive: true });
  await chmod(keep, 0o700);
}
