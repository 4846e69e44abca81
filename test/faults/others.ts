import * as openpgp from 'openpgp';
import { formsIn } from '../stories/traces.ts';
import { TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import type { SunkMail } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { INSIDERS, openStage, outsideOf, type Run, randomRun, type Stage } from './random-run.ts';

/**
 * F12. Of all that goes out: outside stands nobody else's address, key id or fingerprint; it is encrypted to its reader's key alone; and what a
 * member reads inside names no other member, but whoever wrote it.
 */
export const others: Experiment = {
  name: 'F12',
  title: 'nobody else in any mail that goes out',
  rounds: 50,
  short: 1,
  controls: [{ variant: 'all-recipients', rounds: 2 }],
  absent: () => null,
  open: async () => {
    const stage = await openStage('info');
    return { round: (seed) => round(stage, seed), close: stage.close };
  },
};

async function round(stage: Stage, seed: number): Promise<Outcome> {
  const run = await randomRun(stage, seed);
  const reporters = run.handed.map(({ from }) => from);
  const names = new Map<string, string[]>();
  for (const address of new Set([...TEAM, ...INSIDERS, ...reporters])) names.set(address, await namesOf(address));
  const faults = [...run.faults];
  for (const mail of run.mails) faults.push(...(await faultsOf(stage, run, names, mail)));
  return { ...nothingYet(), acknowledged: run.acknowledged, faults, seen: { mails: run.mails.length } };
}

/** All by which somebody is known: his address, and the fingerprints and ids of his keys. */
async function namesOf(address: string): Promise<string[]> {
  const { public: armoredKey } = await makeParty(address);
  const keys = (await openpgp.readKey({ armoredKey })).getKeys();
  return [address, ...keys.flatMap((key) => [key.getFingerprint(), key.getKeyID().toHex()])];
}

async function faultsOf({ house }: Stage, run: Run, names: ReadonlyMap<string, string[]>, mail: SunkMail): Promise<string[]> {
  const to = mail.to.join();
  const [row] = house.rows<{ kind: string; sender: string | null }>(
    'select kind, sender from posts join deliveries on posts.id = post_id where message_id = ?',
    /^Message-ID: (\S+)/im.exec(mail.raw.toString('latin1'))?.[1],
  );
  const what = `${row?.kind} to ${TEAM.some((one) => one === to) ? 'the team' : INSIDERS.includes(to) ? 'a member' : 'somebody'}`;
  const named = (octets: Buffer, but: readonly string[]) =>
    [...names]
      .filter(([address]) => !but.includes(address))
      .flatMap(([, all]) => all.filter((name) => formsIn(octets, name).length > 0));
  const faults = [...new Set(named(outsideOf(mail), [to]))].map((name) => `${what}: outside stands ${name}`);
  if (!row) faults.push(`${what}: it is no copy that is known`);
  if (!mail.raw.includes('-----BEGIN PGP MESSAGE-----') || !names.has(to)) return faults;
  const { entity, encryptedTo } = await openCopy(mail.raw, await makeParty(to));
  const own = (names.get(to) ?? []).map((name) => name.toUpperCase());
  if (encryptedTo.length !== 1 || !own.includes(encryptedTo[0] ?? ''))
    faults.push(`${what}: it is encrypted to ${encryptedTo.join()}`);
  const author = run.handed.filter(({ from }) => from === row?.sender).map(({ from }) => from);
  if (INSIDERS.includes(to))
    for (const name of named(entity, [to, ...TEAM, ...author])) faults.push(`${what}: inside stands ${name}`);
  return faults;
}
