import { filesBelow, findings, type Trace } from '../stories/traces.ts';
import { LISTS } from '../support/house.ts';
import { type Experiment, nothingYet, type Outcome } from './experiment.ts';
import { openStage, outsideOf, randomRun, type Stage } from './random-run.ts';

/**
 * F11. After random mail, a case that the team describes and dispatches with a patch, and a leak that was none, no word of any subject, text, file,
 * file's name or writer's name, and none of what the team wrote of the case, is anywhere outside of a ciphertext: on no disk, in the log at its
 * most talkative, in no metric, and outside of no mail. The same search must find an address.
 */
export const canary: Experiment = {
  name: 'F11',
  title: 'a canary in what people write in mails and of cases',
  rounds: 30,
  short: 1,
  controls: [
    { variant: 'mail-logged', rounds: 3 },
    { variant: 'patch-logged', rounds: 2 },
  ],
  absent: () => null,
  open: async () => {
    const stage = await openStage('trace');
    return { round: (seed) => round(stage, seed), close: stage.close };
  },
};

async function round(stage: Stage, seed: number): Promise<Outcome> {
  const { house } = stage;
  const run = await randomRun(stage, seed);
  const places = new Map([...filesBelow(house.dir), ...filesBelow(house.temporary)]);
  places.set('the log', Buffer.from(house.said()));
  places.set('the metrics', await metrics(stage));
  run.mails.forEach((mail, at) => {
    places.set(`outside of mail ${at}`, outsideOf(mail));
  });
  const traces: Trace[] = run.canaries.map((text, at) => ({ name: `canary ${at}`, text }));
  const found = findings(places, traces);
  const sender = run.handed.find(({ to }) => to === LISTS.security)?.from;
  const control = sender === undefined ? ['there was no report'] : findings(places, [{ name: 'a sender', text: sender }]);
  if (control.length === 0) throw new Error('the search does not find what is there');
  return {
    ...nothingYet(),
    acknowledged: run.acknowledged,
    faults: [...run.faults, ...found],
    seen: { mails: run.mails.length },
  };
}

async function metrics({ house }: Stage): Promise<Buffer> {
  const headers = { authorization: `Bearer ${house.adminToken}` };
  const answer = await fetch(`http://127.0.0.1:${house.httpPort}/metrics`, { headers });
  if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}
