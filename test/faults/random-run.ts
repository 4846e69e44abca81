import { randomBytes } from 'node:crypto';
import type { Details } from '../../src/cases/details.ts';
import { HOUR, systemClock } from '../../src/clock.ts';
import { arm, dispatch, must } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, type Instance, MEMBERS, memberOf, openInstance, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { type Sink, type SunkMail, startSink } from '../support/sink.ts';
import { PATIENCE } from './experiment.ts';
import { type Handed, mixedMail, REFUSED } from './mixed-mail.ts';

/** Organisations that are members, a contact of each. */
export const INSIDERS = [...MEMBERS, 'cleo@gamma.example', 'dora@delta.example'];

export interface Stage {
  house: Instance;
  sink: Sink;
  close(): Promise<void>;
}

export async function openStage(log: string): Promise<Stage> {
  const sink = await startSink();
  const party = async (address: string) => contactOf(await makeParty(address));
  const team = memberOf(LISTS.security, ...(await Promise.all(TEAM.map(party))));
  const members = INSIDERS.map(async (address) => memberOf(LISTS.distributors, await party(address)));
  const house = await openInstance({ relay: sink, log, roster: [team, ...(await Promise.all(members))] });
  await house.publish('reader@home.example');
  const close = async () => {
    await house.close();
    await sink.close();
  };
  return { house, sink, close };
}

export interface Run {
  /** Words that stand nowhere else: in a mail its writer's name, its subject, text and file, of a case what the team writes. */
  canaries: string[];
  handed: Handed[];
  /** What the relay was given meanwhile. */
  mails: SunkMail[];
  acknowledged: number;
  faults: string[];
}

const MAILS = 10;

/** Chance decides who writes what; then one of the cases is described and dispatched. */
export async function randomRun({ house, sink }: Stage, seed: number): Promise<Run> {
  const chance = chanceOf(seed);
  const run: Run = { canaries: [], handed: [], mails: [], acknowledged: 0, faults: [] };
  const canary = () => {
    const word = `Canary${randomBytes(9).toString('hex')}`;
    run.canaries.push(word);
    return word;
  };
  sink.mails.length = 0;
  for (let mail = 0; mail < MAILS; mail++) {
    const attachments = chance() < 0.3 ? [{ name: `${canary()}.txt`, data: Buffer.from(canary()) }] : [];
    const words = { name: canary(), subject: canary(), text: `${canary()}\n`, attachments };
    const handed = await mixedMail(house, chance, seed * MAILS + mail, words);
    run.handed.push(handed);
    const reply = await house.send(handed.from, handed.to, handed.raw);
    if (reply.startsWith('250')) run.acknowledged += 1;
    if (reply.startsWith('250') === REFUSED.has(handed.kind)) run.faults.push(`a mail (${handed.kind}) was answered ${reply}`);
  }
  await house.settled(PATIENCE);
  const [about] = house.rows<{ id: string }>('select id from cases where release_at is null order by id desc limit 1');
  if (about) await distribute(house, about.id, canary);
  await house.settled(PATIENCE);
  run.mails = [...sink.mails];
  return run;
}

/** The team says what it knows of a case, dispatches it with a patch, and finds out that it has not leaked. */
async function distribute(house: Instance, id: string, canary: () => string): Promise<void> {
  const known = {
    title: canary(),
    summary: canary(),
    description: canary(),
    mitigation: canary(),
    permissions: { binaries: false, services: false, restriction: canary() },
    override: { rating: 'high', reason: canary() },
    reason: canary(),
  } as const satisfies Partial<Details>;
  const patch = { name: `${canary()}.patch`, bytes: Buffer.from(`${canary()}\n`) };
  const releaseAt = systemClock.now() + 1000 * HOUR;
  await arm(house, id, { releaseAt, text: `${canary()}\n`, subject: canary(), patch, known });
  await dispatch(house, id);
  const lena = await house.token(TEAM[0]);
  await must(house, lena, 'POST', `/cases/${id}/leak`, { evidence: canary() });
  await must(house, lena, 'POST', `/cases/${id}/leak/decision`, { decision: 'keep', reason: canary() });
}

/** What everybody on its way reads of a mail: all but the ciphertext. */
export function outsideOf({ raw, from }: SunkMail): Buffer {
  const text = raw.toString('latin1').replaceAll(/-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/g, '');
  return Buffer.from(`${from}\r\n${text}`, 'latin1');
}
