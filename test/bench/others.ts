import { setTimeout as pause } from 'node:timers/promises';
import { LISTS } from '../support/house.ts';
import type { Instance } from '../support/instance.ts';
import { metric } from '../support/metric.ts';
import { atMost, between, median, memoryOf, quantile, type Row, repeated, row } from './measure.ts';
import { goesOut, LARGE, type Large, large, openProject, type Project, sealed, TINY } from './project.ts';
import { openClient } from './smtp.ts';

const RUNS = 5;
/** Milliseconds between a 250 and the next mail: others write, and do not flood. */
const EVERY = 50;
const OCTETS = 10_000;
/** Mails after a start that are not measured: its threads and its code are slow at first. */
const COLD = 10;

/**
 * While a large mail goes out to many: how long other mails take from the last octet to the 250, sealed and signed reports, one after the other on one
 * connection; for how long at most the event loop did nothing else, as /metrics tells it; and the most that the process had in memory since its start.
 */
export async function others(quick = false, full = LARGE): Promise<Row[]> {
  const [size, runs] = quick ? [TINY, 1] : [full, RUNS];
  const project = await openProject();
  try {
    const list = await large(project, size);
    const { accepted, blocked, resident } = await repeated(runs, () => meanwhile(project, list, size));
    const during = `${size.says} goes out`;
    return [
      row({
        section: 'others',
        what: `10 KB accepted while ${during}`,
        unit: 'ms, p99',
        of: { curfew: accepted },
        targets: [atMost('p99 in ms', median(accepted), 250)],
      }),
      row({
        section: 'others',
        what: `event loop while ${during}`,
        unit: 'ms, longest',
        of: { curfew: blocked },
        targets: [atMost('ms blocked', median(blocked), 100)],
      }),
      row({
        section: 'others',
        what: `VmHWM after ${size.says}`,
        unit: 'MB',
        of: { curfew: resident },
        targets: [atMost('MB', median(resident), 400)],
      }),
    ];
  } finally {
    await project.close();
  }
}

async function meanwhile(project: Project, list: string, size: Large) {
  const { house } = project;
  // What it had in memory before counts no more.
  await house.stop();
  await house.start();
  const mail = await sealed(project, list, size.octets);
  const client = await openClient(house.smtpPort);
  for (let cold = 0; cold < COLD; cold++) await client.send(await sealed(project, LISTS.security, OCTETS));
  const took: number[] = [];
  await longestBlock(house);
  let isOut = false;
  const going = goesOut(project, mail, size).finally(() => {
    isOut = true;
  });
  do {
    const { sent, answered } = await client.send(await sealed(project, LISTS.security, OCTETS));
    took.push(between(sent, answered));
    await pause(EVERY);
  } while (!isOut);
  await going;
  const blocked = await longestBlock(house);
  await client.close();
  await house.settled();
  return { accepted: quantile(took, 0.99), blocked, resident: memoryOf(house.pid, 'VmHWM') };
}

/** Milliseconds, since it was asked last; the process looks every ten, which are in it. */
async function longestBlock(house: Instance): Promise<number> {
  return (await metric(house, 'nodejs_eventloop_lag_max_seconds')) * 1000;
}
