import { type Instant, SECOND, systemClock } from '../../src/clock.ts';
import { arm, dispatch, openCase } from '../stories/embargo.ts';
import { LISTS } from '../support/house.ts';
import { contactOf, type Instance, memberOf, TEAM } from '../support/instance.ts';
import { makeParty } from '../support/party.ts';
import { atMost, between, interleaved, type Measurement, median, type Row, row } from './measure.ts';
import { create, enrol, openProject, type Project } from './project.ts';

/** `lead`: from when a case is armed to its instant, at first; its dispatch goes out meanwhile. */
const FULL = { runs: 5, members: 1000, channels: 5, lead: 30 * SECOND };
const QUICK = { runs: 1, members: 5, channels: 2, lead: 8 * SECOND };
type Plan = typeof FULL;
/** Milliseconds. */
const ROOM = 5 * SECOND;
/** A domain of readers, so that the sink can tell them apart. */
const PUBLIC = 'channel.example';

/**
 * From the instant of a release to the last 250 for its public channels, each with a subscriber and an address elsewhere. All members had a
 * dispatch of the case: at the same instant it is due to tell each of them that the embargo is lifted.
 */
export async function release(quick = false): Promise<Row[]> {
  const plan = quick ? QUICK : FULL;
  const project = await openProject();
  try {
    const { house } = project;
    await house.enrol({ ...memberOf(LISTS.security, contactOf(await makeParty(TEAM[1]))), organisation: 'second of the team' });
    await openChannels(house, plan.channels);
    const list = (await enrol(project, 'x25519', [plan.members])).get(plan.members) ?? '';
    const of = await interleaved(plan.runs, { curfew: releases(project, list, plan) });
    const what = `${plan.channels} channels, ${plan.members} members at the same instant`;
    const figure = row({ section: 'release', what, unit: 'ms', of });
    figure.targets.push(atMost('ms to the last channel', median(of['curfew'] ?? []), 1000));
    return [figure];
  } finally {
    await project.close();
  }
}

/** Public lists; the project has one. */
async function openChannels(house: Instance, count: number): Promise<void> {
  const lists = [LISTS.announce, ...Array.from({ length: count - 1 }, (_, number) => `channel-${number}@orbit.example`)];
  for (const [number, address] of lists.entries()) {
    if (address !== LISTS.announce) await create(house, '/lists', { address, role: 'public' });
    for (const kind of ['subscriber', 'external'])
      await create(house, `/lists/${address}/recipients`, { address: `${kind}@c${number}.${PUBLIC}`, kind });
  }
}

function releases({ house, sink }: Project, list: string, { members, channels, lead: first }: Plan): Measurement {
  let lead = first;
  let longest = 0;
  return async () => {
    const id = await openCase(house);
    await sink.forget();
    const begun = systemClock.now();
    const releaseAt = begun + lead;
    await arm(house, id, { releaseAt });
    await dispatch(house, id, list);
    await sink.have(members, 'x25519.example');
    await house.settled();
    await sink.forget();
    if (systemClock.now() >= releaseAt) throw new Error(`it took more than ${lead} ms until all members had the dispatch`);
    // The next one takes about as long, on a machine that others use as well.
    longest = Math.max(longest, systemClock.now() - begun);
    lead = Math.min(first, Math.ceil(1.5 * longest) + ROOM);
    const { at } = await sink.have(2 * channels, PUBLIC);
    const took = between(monotonic(releaseAt), at);
    await sink.have(members, 'x25519.example');
    await house.settled();
    return took;
  };
}

/** Nanoseconds on the clock that is one for all processes of the machine. */
function monotonic(instant: Instant): bigint {
  return process.hrtime.bigint() + BigInt(instant - systemClock.now()) * 1_000_000n;
}
