import { LISTS } from '../support/house.ts';
import { between, interleaved, type Measurement, type Row, row } from './measure.ts';
import { each, openPeers } from './peers.ts';
import { openProject, type Project, sealed } from './project.ts';
import { openClient } from './smtp.ts';

const SIZES = { '10 KB': 10_000, '1 MB': 1_000_000 };
const FULL = { runs: 5, mails: 10 };
const QUICK = { runs: 1, mails: 1 };

/**
 * A sealed and signed mail comes, one after the other on one connection: opened, verified, judged, sealed for keeping and on the disk when
 * its 250 comes. The peers open and verify, and nothing else.
 */
export async function open(quick = false): Promise<Row[]> {
  const { runs, mails } = quick ? QUICK : FULL;
  const project = await openProject();
  const peers = await openPeers();
  try {
    const rows: Row[] = [];
    for (const [size, octets] of Object.entries(SIZES)) {
      const file = await peers.file(octets);
      const opening = peers.all.map((peer) => [peer.name, () => each(mails, () => peer.open(file))] as const);
      const of = await interleaved(runs, { curfew: opens(project, octets, mails), ...Object.fromEntries(opening) });
      rows.push(row({ section: 'open', what: `${size}, last octet to 250`, unit: 'ms', of }));
    }
    return rows;
  } finally {
    await peers.close();
    await project.close();
  }
}

/** From the last octet of one mail to its 250, in the mean of so many. */
export function opens(project: Project, octets: number, mails: number): Measurement {
  return async () => {
    const client = await openClient(project.house.smtpPort);
    let spent = 0;
    for (let mail = 0; mail < mails; mail++) {
      const { sent, answered } = await client.send(await sealed(project, LISTS.security, octets));
      spent += between(sent, answered);
    }
    await client.close();
    await project.house.settled();
    return spent / mails;
  };
}
