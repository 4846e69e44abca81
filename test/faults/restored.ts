import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as openpgp from 'openpgp';
import { DAY, SECOND, systemClock } from '../../src/clock.ts';
import { arm, dispatch, messageIdOf, openCase } from '../stories/embargo.ts';
import { chanceOf } from '../support/chance.ts';
import { LISTS } from '../support/house.ts';
import { type Instance, openInstance, TEAM } from '../support/instance.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { runCurfew } from '../support/process.ts';
import { type Sink, startSink } from '../support/sink.ts';
import { type Experiment, nothingYet, type Outcome, PATIENCE } from './experiment.ts';
import { missing, streamIn } from './rig.ts';

const READER = 'reader@home.example';
/** Of the team; the relay does not take her copies yet, so that they wait in the backup. */
const WAITS = TEAM[2];

/**
 * F15: a backup under load; then all is destroyed and the backup restored. What had its 250 before is there, and opens for its reader. Each
 * round has a project of its own, as none outlives it.
 */
export const restored: Experiment = {
  name: 'F15',
  title: 'backup under load, everything destroyed, restore',
  rounds: 50,
  short: 0,
  controls: [
    { variant: 'restore-sends-again', rounds: 3 },
    { variant: 'octets-as-text', rounds: 1 },
  ],
  absent: () => null,
  open: async (folder) => ({ round: (seed) => round(folder, seed), close: async () => {} }),
};

async function round(folder: string, seed: number): Promise<Outcome> {
  const chance = chanceOf(seed);
  const sink = await startSink();
  const house = await openInstance({ relay: sink, log: 'warn' });
  const place = join(folder, String(seed));
  mkdirSync(place);
  try {
    await house.publish(READER);
    sink.atRecipient = (address) => (address === WAITS ? { code: 451, text: '4.3.0 not now' } : 'accept');
    const text = `Only report ${seed} says ${chance()}.\n`;
    const [soon, late] = [await openCase(house), await openCase(house, { text })];
    const instants = { soon: systemClock.now() + 12 * SECOND, late: systemClock.now() + 30 * DAY };
    await arm(house, soon, { releaseAt: instants.soon });
    await dispatch(house, soon);
    await arm(house, late, { releaseAt: instants.late });
    const admin = await makeParty('admin@home.example');
    const [certificate, file] = [join(place, 'admin.asc'), join(place, 'backup.pgp')];
    writeFileSync(certificate, admin.public);
    const { streams, answered } = streamIn(house, chance);
    await answered;
    await pause(chance() * 1500);
    const handedIn = streams.flatMap((one) => one.acknowledged);
    const made = await house.curfew('backup', '--cert', certificate, '--out', file, '--with-keys');
    if (made.code !== 0) return { ...nothingYet(), faults: [`no backup is made: ${made.stderr}`] };
    for (const one of streams) one.stop();
    await Promise.all(streams.map(({ ended }) => ended));
    const retracted = await house.api(await house.token(TEAM[0]), 'POST', `/cases/${late}/retract`, {});
    if (retracted.status !== 200) throw new Error(`a retraction was answered with ${retracted.status}`);
    while (!sink.mails.some(({ to }) => to.includes(READER))) await pause(100);
    await house.settled(PATIENCE);
    await house.kill();
    const perhaps = streams.flatMap((one) => one.acknowledged);
    const before = new Set(sink.mails.map((mail) => `${mail.to.join()} ${messageIdOf(mail)}`));
    sink.mails.length = 0;

    const packed = join(place, 'backup.gz');
    writeFileSync(packed, await opened(file, admin.secret));
    cpSync(join(house.dir, 'passphrase'), join(place, 'passphrase'));
    rmSync(house.dir, { recursive: true });
    const back = await house.curfew('restore', packed);
    if (back.code !== 0) return { ...nothingYet(), faults: [`the backup is not restored: ${back.stderr}`] };
    cpSync(join(place, 'passphrase'), join(house.dir, 'passphrase'));
    const lost = missing(house, handedIn, perhaps);
    const faults = [...lost, ...(await inTheLog(house.curfew, place))];
    const key = await house.curfew('token', 'create', '--name', 'again', '--role', 'admin', '--person', TEAM[0], '--json');
    const token = String(JSON.parse(key.stdout).token);
    await house.start();
    await pause(2 * SECOND);
    const { restoredAt } = (await house.api(token, 'GET', '/restoration')).body;
    const confirmed = await house.api(token, 'POST', '/restoration/confirm', { restoredAt });
    if (confirmed.status !== 200) faults.push(`a confirmation was answered with ${confirmed.status}`);
    await pause(4 * SECOND);
    const again = sink.mails.filter((mail) => before.has(`${mail.to.join()} ${messageIdOf(mail)}`)).length;
    const early = sink.mails.filter(({ to }) => to.includes(READER)).length;
    if (again > 0) faults.push(`${again} copies that had been sent were sent again`);
    if (early > 0) faults.push(`${early} copies for the public went out after the restore`);
    const { state } = (await house.api(token, 'GET', `/cases/${late}`)).body;
    if (state === 'released' || state === 'armed') faults.push(`a case that was retracted is ${state}`);
    const unread = await unreadable({ house, sink }, token, late, text);
    if (unread !== null) faults.push(unread);
    const acknowledged = handedIn.length;
    return {
      ...nothingYet(),
      acknowledged,
      lost: lost.length,
      early,
      duplicates: again,
      faults,
      seen: { 'copies before': before.size },
    };
  } finally {
    await house.close();
    await sink.close();
  }
}

/** Null: the copy of a report that waited in the backup goes out when somebody says so, and its reader opens it and has that text. */
async function unreadable(
  { house, sink }: { house: Instance; sink: Sink },
  token: string,
  about: string,
  text: string,
): Promise<string | null> {
  sink.atRecipient = () => 'accept';
  const [copy] = house.rows<{ id: string; message_id: string }>(
    `select d.id, d.message_id from deliveries d join posts p on p.id = d.post_id where p.case_id = ? and p.kind = 'report' and d.address = ?`,
    about,
    WAITS,
  );
  if (!copy) return 'a copy that waited is not there after the restore';
  const { status, body } = await house.api(token, 'POST', `/deliveries/${copy.id}/retry`, {});
  if (status !== 200) return `to send a copy that waited was answered ${status} ${String(body['code'])}`;
  const found = () => sink.mails.find((mail) => messageIdOf(mail) === copy.message_id);
  const until = systemClock.now() + PATIENCE;
  while (!found() && systemClock.now() < until) await pause(100);
  const mail = found();
  if (!mail) return 'a copy that waited does not go out after the restore';
  const opened = await openCopy(mail.raw, await makeParty(WAITS)).catch(String);
  if (typeof opened === 'string') return `a copy that waited does not open after the restore: ${opened}`;
  return opened.entity.includes(text.trimEnd()) ? null : 'a report has lost its text with the restore';
}

type Curfew = Awaited<ReturnType<typeof openInstance>>['curfew'];

/** What `audit verify` says of the log that came back. */
async function inTheLog(curfew: Curfew, place: string): Promise<string[]> {
  const log = join(place, 'log.jsonl');
  const exported = await curfew('audit', 'export', '--out', log);
  if (exported.code !== 0) throw new Error(exported.stderr);
  const key = join(place, 'list.asc');
  writeFileSync(key, (await curfew('keys', 'export', LISTS.security)).stdout);
  const verified = await runCurfew(['audit', 'verify', log, '--key', key, '--json']);
  return verified.code === 0 ? [] : [`audit verify ended with ${verified.code}`];
}

async function opened(file: string, secret: string): Promise<Uint8Array> {
  const message = await openpgp.readMessage({ binaryMessage: readFileSync(file) });
  const decryptionKeys = await openpgp.readPrivateKey({ armoredKey: secret });
  const { data } = await openpgp.decrypt({ message, decryptionKeys, format: 'binary' });
  return data as Uint8Array;
}
