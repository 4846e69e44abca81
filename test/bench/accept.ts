import { LISTS } from '../support/house.ts';
import { installed } from '../support/installed.ts';
import type { Instance } from '../support/instance.ts';
import { postfixAbsent, startPostfix } from '../support/postfix.ts';
import { run } from '../support/process.ts';
import { atLeast, between, interleaved, type Measurement, type Row, ratio, row } from './measure.ts';
import { openProject } from './project.ts';
import { openClient } from './smtp.ts';

const FULL = { runs: 5, mails: 200 };
const QUICK = { runs: 1, mails: 10 };
const CONNECTIONS = 10;
const OCTETS = 10_000;
const FROM = 'rita@research.example';

/**
 * Mails in clear over ten connections, on the disk when their 250 comes, while copies of them go out. Of Curfew each is a report: it opens a
 * case, and is sealed for keeping. Postfix, where it is installed, writes them to its queue and hands them on.
 */
export async function accept(quick = false): Promise<Row[]> {
  const { runs, mails } = quick ? QUICK : FULL;
  const project = await openProject();
  const { house, sink } = project;
  const postfix = postfixAbsent
    ? null
    : await startPostfix({ domain: 'orbit.example', curfew: { protocol: 'smtp', port: house.smtpPort }, sink });
  try {
    const of = await interleaved(runs, {
      curfew: accepts(house, mails),
      ...(postfix ? { postfix: accepts(house, mails, { port: postfix.outPort, to: 'postmaster@elsewhere.example' }) } : {}),
    });
    const what = `10 KB, ${CONNECTIONS} connections, durable`;
    const figure = row({ section: 'accept', what, unit: 'mails/s', better: 'more', of });
    if (postfix) figure.targets.push(atLeast('times Postfix', ratio(figure, 'postfix'), 1.5));
    return [figure];
  } finally {
    await postfix?.stop();
    await project.close();
  }
}

/** Mails a second, of so many over ten connections; until the copies of a house are out nothing else is measured. */
export function accepts(house: Instance, mails: number, at?: { port: number; to: string }): Measurement {
  return async () => {
    const { port, to } = at ?? { port: house.smtpPort, to: LISTS.security };
    const took = await (installed('smtp-source') ? bySmtpSource(port, to, mails) : byClients(port, to, mails));
    await house.settled();
    return (mails / took) * 1000;
  };
}

/** Milliseconds for all of them. */
async function bySmtpSource(port: number, to: string, mails: number): Promise<number> {
  const begun = process.hrtime.bigint();
  const counts = ['-s', CONNECTIONS, '-m', mails, '-l', OCTETS].map(String);
  const { code, stderr } = await run('smtp-source', ['-d', ...counts, '-f', FROM, '-t', to, `127.0.0.1:${port}`], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin` },
  });
  if (code !== 0 || stderr !== '') throw new Error(`smtp-source: exit ${code}\n${stderr}`);
  return between(begun, process.hrtime.bigint());
}

async function byClients(port: number, to: string, mails: number): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => openClient(port)));
  const head = (id: string) => `From: ${FROM}\r\nTo: ${to}\r\nMessage-ID: <${id}@research.example>\r\n\r\n`;
  const body = `${'X'.repeat(78)}\r\n`.repeat(OCTETS / 80);
  const begun = process.hrtime.bigint();
  await Promise.all(
    clients.map(async (client) => {
      for (let mail = 0; mail < mails / CONNECTIONS; mail++)
        await client.send({ from: FROM, to, raw: Buffer.from(head(String(process.hrtime.bigint())) + body) });
    }),
  );
  const took = between(begun, process.hrtime.bigint());
  await Promise.all(clients.map((client) => client.close()));
  return took;
}
