import * as openpgp from 'openpgp';
import { formsIn } from '../stories/traces.ts';
import { TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import type { SunkMail } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { BRINGS_KEY } from './mixed-mail.ts';
import { INSIDERS, openStage, outsideOf, type Run, randomRun, type Stage } from './random-run.ts';

/**
 * F12. Of all that goes out, to the team, to members and to reporters: neither outside nor inside stands anybody else's address, key id or
 * fingerprint, but inside those of who wrote it; and it is encrypted to its reader's key alone.
 */
export const others: Experiment = {
  name: 'F12',
  title: 'nobody else in any mail that goes out',
  rounds: 50,
  short: 1,
  controls: [
    { variant: 'all-recipients', rounds: 2 },
    { variant: 'reporter-told-members', rounds: 2 },
  ],
  absent: () => null,
  open: async () => {
    const stage = await openStage('info');
    return { round: (seed) => round(stage, seed), close: stage.close };
  },
};

async function round(stage: Stage, seed: number): Promise<Outcome> {
  const run = await randomRun(stage, seed);
  const everybody = [...TEAM, ...INSIDERS, ...run.handed.map(({ from }) => from), ...run.mails.flatMap(({ to }) => to)];
  const names = new Map<string, string[]>();
  for (const address of new Set(everybody)) names.set(address, await namesOf(address));
  const faults = [...run.faults];
  for (const mail of run.mails) faults.push(...(await faultsOf(stage, run, names, mail)));
  return {
    ...nothingYet(),
    acknowledged: run.acknowledged,
    faults,
    seen: { mails: run.mails.length, 'sealed for a reporter': sealedForReporters(run) },
  };
}

/** Of whom a certificate is known: nothing is written to him in clear. */
function sealedFor({ handed }: Run, address: string): boolean {
  const brought = handed.filter(({ kind }) => BRINGS_KEY.has(kind)).map(({ from }) => from);
  return [...TEAM, ...INSIDERS, ...brought].includes(address);
}

function sealedForReporters({ mails }: Run): number {
  const insiders: readonly string[] = [...TEAM, ...INSIDERS];
  return mails.filter(({ raw, to }) => isSealed(raw) && !insiders.includes(to.join())).length;
}

const isSealed = (raw: Buffer) => raw.includes('-----BEGIN PGP MESSAGE-----');

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
  if (!isSealed(mail.raw)) return sealedFor(run, to) ? [...faults, `${what}: it is not encrypted`] : faults;
  const opened = await openCopy(mail.raw, await makeParty(to)).catch(() => null);
  if (!opened) return [...faults, `${what}: its reader cannot open it`];
  const { entity, encryptedTo } = opened;
  const own = (names.get(to) ?? []).map((name) => name.toUpperCase());
  if (encryptedTo.length !== 1 || !own.includes(encryptedTo[0] ?? ''))
    faults.push(`${what}: it is encrypted to ${encryptedTo.join()}`);
  const author = run.handed.filter(({ from }) => from === row?.sender).map(({ from }) => from);
  for (const name of named(entity, [to, ...author])) faults.push(`${what}: inside stands ${name}`);
  return faults;
}
