import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { messageIdOf, reportMail } from '../stories/embargo.ts';
import { type Chance, chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import type { SunkMail } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { integrity, openRig, type Rig } from './rig.ts';

const REPORTERS = Array.from({ length: 6 }, (_, of) => `r${of}@research.example`);
const PAGE = 4096;

/** What may happen to the files of a database while nobody looks. `stopped`: after a stop in order, when there is no log beside it. */
const DAMAGES = {
  'a page is another': (data, chance) => flip(join(data, 'curfew.db'), chance, PAGE),
  'a bit is another': (data, chance) => flip(join(data, 'curfew.db'), chance, 1),
  'the log is cut': (data, chance) => truncateSync(wal(data), Math.floor(chance() * readFileSync(wal(data)).length)),
  'the log is gone': (data) => rmSync(wal(data)),
  'a bit of the log is another': (data, chance) => flip(wal(data), chance, 1),
} as const satisfies Record<string, (data: string, chance: Chance) => void>;

const wal = (data: string) => join(data, 'curfew.db-wal');

/** F10: the files of the database are damaged while it is dead, with copies in it that wait to go out. */
export const pages: Experiment = {
  name: 'F10',
  title: 'pages of the database flipped, its log cut or removed',
  rounds: 200,
  short: 1,
  controls: [
    { variant: 'no-integrity-check', rounds: 15 },
    { variant: 'no-end-noted', rounds: 15 },
  ],
  absent: () => null,
  open: async (folder) => {
    const rig = await openRig();
    const { house, sink } = rig;
    await house.start();
    sink.atData = () => ({ code: 451, text: '4.3.0 later' });
    for (const from of REPORTERS) await house.send(from, LISTS.security, await reportMail(house, { text: `${TEXT}\n` }, from));
    await house.settled(PATIENCE);
    sink.atData = () => 'accept';
    const copies = house.rows<{ address: string; message_id: string }>('select address, message_id from deliveries');
    const reports = new Set(
      copies.filter(({ address }) => TEAM.some((one) => one === address)).map(({ message_id }) => message_id),
    );
    const [data, killed, stopped] = [join(house.dir, 'data'), join(folder, 'killed'), join(folder, 'stopped')];
    while (!hasItsEnd(house, endNoted(data))) await pause(100);
    await house.kill();
    cpSync(data, killed, { recursive: true });
    await house.start();
    await house.stop();
    cpSync(data, stopped, { recursive: true });
    return { round: (seed) => round(rig, { killed, stopped, reports }, seed), close: rig.close };
  },
};

const TEXT = 'It crashes on a long line.';

/** What each round begins with: the folder of the data as it was when the process was killed, and when it was stopped. */
interface Before {
  killed: string;
  stopped: string;
  /** Message-IDs of the copies of the reports for the team. */
  reports: ReadonlySet<string>;
}

interface End {
  seq: number;
  hash: string;
}

/** What a server has noted of the end of its audit log: it had that line. */
function endNoted(data: string): End {
  return JSON.parse(readFileSync(join(data, 'curfew.db-end'), 'utf8'));
}

function hasItsEnd({ rows }: Instance, { seq, hash }: End): boolean {
  return rows('select seq from audit_end where seq = ? and hash = ?', seq, hash).length === 1;
}

function hasLine({ rows }: Instance, { seq, hash }: End): boolean {
  return rows('select seq from audit where seq = ? and hash = ?', seq, hash).length === 1;
}

async function round(rig: Rig, from: Before, seed: number): Promise<Outcome> {
  const { house, sink } = rig;
  const chance = chanceOf(seed);
  const kinds = Object.entries(DAMAGES);
  const [kind, damage] = kinds[seed % kinds.length] ?? [];
  if (!kind || !damage) throw new Error('there is no such damage');
  const data = join(house.dir, 'data');
  for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
  cpSync(kind.includes('log') ? from.killed : from.stopped, data, { recursive: true });
  const end = endNoted(data);
  damage(data, chance);
  sink.mails.length = 0;
  const { verdict, faults } = await livesOn(rig, end, from.reports);
  return { ...nothingYet(), faults: faults.map((fault) => `${kind}: ${fault}`), seen: { [`${kind}: ${verdict}`]: 1 } };
}

async function livesOn(rig: Rig, end: End, reports: Before['reports']): Promise<{ verdict: string; faults: string[] }> {
  const { house, sink } = rig;
  const refusal = await house.start().then(
    () => null,
    (error: unknown) => String(error),
  );
  if (refusal !== null) {
    const helps = /restore the last backup|restore it|is no database|not a database|malformed/i.test(refusal);
    await house.kill();
    return { verdict: 'refused at start', faults: helps ? [] : [`a start was refused, and not said why: ${lastLine(refusal)}`] };
  }
  const faults: string[] = [];
  // What is damaged may be noticed by the check at start, or by whatever reads it; but nothing starts on what SQLite itself calls damaged.
  faults.push(
    ...attempt(() => integrity(house))
      .slice(0, 1)
      .map((line) => `it runs on what SQLite calls damaged: ${line}`),
  );
  // What a bit more or less in a page does to that line is found by whoever verifies the log.
  if (attempt(() => (hasLine(house, end) ? [] : ['it has it no more'])).includes('it has it no more'))
    faults.push('it runs, and the last line of its audit log is not there any more');
  attempt(() => house.makeDue());
  const wanted = REPORTERS.length * (TEAM.length + 1);
  for (let glances = 0; glances < 80 && sink.mails.length < wanted && (glances < 50 || isUnderWay(house)); glances++)
    await pause(100);
  for (const mail of sink.mails) faults.push(...(await faultOf(rig, mail, reports)));
  await house.kill();
  const arrived = sink.mails.filter(({ to }) => [...TEAM, ...REPORTERS].includes(to.join())).length;
  return {
    verdict: arrived >= wanted ? 'all arrives' : arrived === 0 ? 'started, nothing is sent' : 'started, some is not sent',
    faults,
  };
}

/** What a statement threw is the damage. */
function attempt(statement: () => unknown): string[] {
  try {
    const told = statement();
    return Array.isArray(told) ? told : [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function isUnderWay({ rows }: Instance): boolean {
  const now = systemClock.now();
  const due = `select id from deliveries where state in ('queued', 'leased') or (state = 'deferred' and due_at <= ${now})`;
  try {
    return rows(due).length > 0;
  } catch {
    return false;
  }
}

/** It is for somebody, opens with his key, was sealed and signed whole, and says what was reported where it is a copy of a report. */
async function faultOf({ house }: Rig, mail: SunkMail, reports: Before['reports']): Promise<string[]> {
  const address = mail.to.join();
  if (![...TEAM, ...REPORTERS].includes(address)) return ['a mail went to an address that is nobody'];
  try {
    const { entity, signer } = await openCopy(mail.raw, await makeParty(address), await house.certificate(LISTS.security));
    if (signer === null) return ['a mail is signed by nobody'];
    return reports.has(messageIdOf(mail)) && !entity.includes(TEXT) ? ['a copy of a report does not say what was reported'] : [];
  } catch {
    return ['a mail does not open with the key of its reader'];
  }
}

/** The octets of one page, or one bit, at random. */
function flip(file: string, chance: Chance, octets: number): void {
  if (!existsSync(file)) throw new Error(`${file} is not there`);
  const bytes = readFileSync(file);
  if (octets === 1) {
    const at = Math.floor(chance() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(chance() * 8));
  } else {
    const first = Math.floor(chance() * Math.floor(bytes.length / octets)) * octets;
    for (let at = first; at < first + octets; at++) bytes[at] = ~(bytes[at] ?? 0) & 0xff;
  }
  writeFileSync(file, bytes);
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1) ?? '';
