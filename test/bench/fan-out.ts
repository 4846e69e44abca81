import { installed } from '../support/installed.ts';
import { atLeast, atMost, between, interleaved, type Measurement, median, type Row, ratio, row } from './measure.ts';
import type { Kind } from './members.ts';
import { each, openPeers } from './peers.ts';
import { enrol, openProject, type Project, sealed } from './project.ts';
import { openSchleuder } from './schleuder.ts';
import { openClient } from './smtp.ts';

/** Octets of text, to how many members, and to how many of Schleuder's where it is asked: as many as can be measured in minutes. */
const FULL = {
  runs: 5,
  sizes: [
    { size: '10 KB', octets: 10_000, members: [1, 10, 100, 1000, 2000], ofSchleuder: 30 },
    { size: '1 MB', octets: 1_000_000, members: [1, 10, 100, 1000], ofSchleuder: 8 },
    { size: '10 MB', octets: 10_000_000, members: [1, 10], ofSchleuder: 0 },
  ],
  ofOtherKinds: 100,
};
const QUICK = { runs: 1, sizes: [{ size: '10 KB', octets: 10_000, members: [1, 2], ofSchleuder: 2 }], ofOtherKinds: 2 };
const OTHERS: readonly Kind[] = ['rsa3072', 'rsa4096', 'v6'];

/** From the last octet of DATA to the last 250 of the sink, each member his own copy: milliseconds a member. */
export async function fanOut(quick = false): Promise<Row[]> {
  const { runs, sizes, ofOtherKinds } = quick ? QUICK : FULL;
  const project = await openProject();
  const peers = await openPeers();
  const counts = sizes.map(({ ofSchleuder }) => ofSchleuder).filter((count) => count > 0);
  const schleuder = installed('schleuder') ? await openSchleuder(project, counts) : null;
  try {
    const lists = await enrol(project, 'x25519', [...new Set(sizes.flatMap(({ members }) => members))]);
    const rows: Row[] = [];
    for (const { size, octets, members, ofSchleuder } of sizes) {
      const file = await peers.file(octets);
      const copies = octets > 1_000_000 ? 1 : 5;
      const beside: Record<string, Measurement> = {
        ...Object.fromEntries(peers.all.map((peer) => [peer.name, () => each(copies, () => peer.seal(file))])),
        ...(schleuder && ofSchleuder > 0 ? { schleuder: () => schleuder.fansOut(ofSchleuder, octets) } : {}),
      };
      const of = await interleaved(runs, {
        ...Object.fromEntries(members.map((count) => [count, fansOut(project, lists.get(count) ?? '', count, octets)])),
        ...beside,
      });
      const others = Object.fromEntries(Object.keys(beside).map((name) => [name, of[name] ?? []]));
      rows.push(...members.map((count) => targeted(size, count, { curfew: of[count] ?? [], ...others }, of)));
    }
    for (const kind of OTHERS) {
      const list = (await enrol(project, kind, [ofOtherKinds])).get(ofOtherKinds) ?? '';
      const of = await interleaved(runs, { curfew: fansOut(project, list, ofOtherKinds, 10_000) });
      rows.push(row({ section: 'fan-out', what: `10 KB, N = ${ofOtherKinds}, ${kind}`, unit: 'ms a member', of }));
    }
    return rows;
  } finally {
    await schleuder?.close();
    await peers.close();
    await project.close();
  }
}

export function fansOut(project: Project, list: string, members: number, octets: number): Measurement {
  return async () => {
    const mail = await sealed(project, list, octets);
    const client = await openClient(project.house.smtpPort);
    await project.sink.forget();
    const { sent } = await client.send(mail);
    // It would be idle for longer than the server allows.
    await client.close();
    const { at } = await project.sink.have(members);
    await project.house.settled();
    return between(sent, at) / members;
  };
}

function targeted(size: string, members: number, of: Row['of'], all: Record<string, number[]>): Row {
  const figure = row({ section: 'fan-out', what: `${size}, N = ${members}`, unit: 'ms a member', of });
  const own = median(of['curfew'] ?? []);
  if (size === '10 KB' && members === 1000) {
    figure.targets.push(atMost('ms a member', own, 0.8));
    if (of['gpg']) figure.targets.push(atLeast('times one gpg a copy', ratio(figure, 'gpg'), 10));
  }
  if (size === '10 KB' && members === 2000) figure.targets.push(atMost('times N = 100', own / median(all[100] ?? []), 1.3));
  if (size === '1 MB' && members === 1000) figure.targets.push(atMost('ms a member', own, 4));
  if (members === 1000 && of['schleuder']) figure.targets.push(atLeast('times Schleuder', ratio(figure, 'schleuder'), 100));
  return figure;
}
