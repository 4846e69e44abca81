import { describe, expect, test } from 'vitest';
import { describe as describeCase } from '../../src/cases/describe.ts';
import { noDetails } from '../../src/cases/details.ts';
import { linkDuplicate } from '../../src/cases/duplicate.ts';
import { previewNotice } from '../../src/cases/notices.ts';
import { claim } from '../../src/cases/people.ts';
import { HOUR, MINUTE, toIso } from '../../src/clock.ts';
import { approve } from '../../src/embargo/approve.ts';
import { draftForthcoming, writeForthcoming } from '../../src/embargo/forthcoming.ts';
import { allPolicies } from '../../src/embargo/presets.ts';
import { schedule } from '../../src/embargo/schedule.ts';
import { toldIn } from '../../src/embargo/telling.ts';
import { setContactActive } from '../../src/roster/contacts.ts';
import { outbox } from '../delivery/outbox.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, compare, type House, housing } from '../support/house.ts';
import { LONGEST, longestStall } from '../support/stall.ts';
import { actor, caseOf, KNOWN, OUTSIDE, PATCH, PUBLIC, READER, reasonOf, scheduled, subscribe } from './armed.ts';

const secret = {
  caseId: 'ORBIT-2026-0001',
  details: {
    ...noDetails,
    ...KNOWN,
    affected: [...(KNOWN.affected ?? []), { product: 'orbit', component: 'job-queue', versions: [] }],
    cwe: ['CWE-787'],
    mitigation: 'Switch the long lines off in the settings of the server, and start it again.',
    reporter: { wishedAt: null, credit: 'Rita Reporter', anonymous: false },
    credits: [{ name: 'Ron Finder', role: 'finder' as const }],
  },
  draft: { subject: PUBLIC.subject, text: 'Whoever sends a line of more than a thousand octets can write where he must not.\n' },
  patches: [PATCH, { name: 'scheduler-bounds.patch', bytes: Buffer.from('x') }],
  reporter: 'rita@example.org',
};
const told = (text: string) => toldIn(compare, { subject: '[orbit] Security release', text }, text, secret);

const toldOf = (product: string, component: string, text: string) => {
  const details = { ...noDetails, affected: [{ product, component, versions: [] }] };
  const of = { ...secret, details, draft: null, patches: [], reporter: null };
  return toldIn(compare, { subject: '[orbit] Security release', text }, text, of);
};

describe('what is told before the release', () => {
  test.each([
    ['orbit', 'orbit-scheduler', 'Stop the orbit-schedulers'],
    ['orbit', 'orbit-scheduler', 'Set orbitSchedulerEnabled to false'],
    ['orbit', 'orbit-scheduler', 'Set orbitScheduler: off'],
    ['orbit', 'orbit-scheduler', 'Stop orbit-schedulerd.service'],
    ['Apache Kafka', 'kafka-connect', 'Stop all Apache Kafka Connects'],
    ['frobnicator', 'frobnicator-core', 'Turn the frobnicatorCores off'],
  ])('is no component that has the name of its product, %s, in its own: %s', async (product, component, text) => {
    expect(await toldOf(product, component, text)).toContain(`the component "${component}"`);
  });

  test.each([
    ['kubernetes', 'kuber', 'Update kubernetes'],
    ['OrbitMail', 'orbit', 'Update OrbitMail'],
    ['orbit', 'orbit-scheduler', 'Update orbit, and schedule nothing'],
    ['Acme Schedulerd', 'scheduler', 'Update Acme Schedulerd'],
  ])('may be the product %s, though the component %s begins like it', async (product, component, text) => {
    expect(await toldOf(product, component, text)).toEqual([]);
  });

  test('may be an instant, a severity, the product, and the mitigation that is recorded', async () => {
    expect(await told('orbit will release a fix at 2026-09-22 16:00:00 UTC. Highest severity: High')).toEqual([]);
    expect(await told(secret.details.mitigation)).toEqual([]);
    expect(await told('Ask the security team of orbit; queue nothing, and update from 1.2.8.')).toEqual([]);
  });

  test.each([
    ['the id of the case', 'It is orbit_2026 0001.'],
    ['the CVE id', 'cve 2026-99001'],
    ['a CVE id', 'CVE-2026-12345'],
    ['a CWE id', 'of the kind CWE–787'],
    ['the component "frobnicator"', 'Switch the FROBNICATOR off'],
    ['the component "frobnicator"', 'Switch all frobnicators off'],
    ['the component "frobnicator"', 'Set frobnicatorEnabled to false'],
    ['the component "frobnicator"', 'Set enableFrobnicator to false'],
    ['the component "job-queue"', 'Stop the jobqueues'],
    ['the component "job-queue"', 'Stop orbit-jobqueue.service'],
    ['an id of GitHub', 'See https://github.com/orbit/orbit/security/advisories/GHSA-7qxv-29fm-w3hj'],
    ['a CVSS vector', `It is ${KNOWN.cvss}`],
    ['somebody\'s name, "rita"', 'Thanks to Reporter, Rita'],
    ['somebody\'s name, "rita"', 'rita [at] example.org found it'],
    ['the patch "scheduler-bounds.patch"', 'see scheduler bounds'],
    ['the reporter', 'found by rita@example.org'],
    ['the reporter', 'found by Rita   REPORTER'],
    ['somebody who is credited', 'found by Ron Finder'],
    ['the title', 'An overflow in the frobnicator'],
    ['a passage of what is under embargo', 'Whoever sends a line of more than a thousand\noctets can write where he must not.'],
  ])('is not %s (%#)', async (what, text) => {
    expect(await told(text)).toContain(what);
  });
});

eachEngine((engine) => {
  const build = housing();
  const open = async () => {
    const house = await build((await engine.open()).db);
    await subscribe(house);
    return house;
  };
  /** A case whose instant two people stand behind. */
  const planned = async (house: House) => {
    const { id } = await scheduled(house, house.clock.now() + 2 * HOUR);
    const { schedule_hash } = await schedule(as(house, house.team[0]), id, { releaseAt: house.clock.now() + 2 * HOUR });
    await approve(house, id, schedule_hash ?? '', await actor(house, house.team[1]));
    return id;
  };
  const sentTo = async (house: House) => {
    const sent = await outbox(house).drain();
    return sent.filter(({ to }) => to === READER || to === OUTSIDE).map(({ to, raw }) => ({ to, mail: raw.toString() }));
  };

  test('one drafts the word that a fix will come, another approves it, and the public gets it before the instant', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await planned(house);
    const { hash, case: drafted } = await draftForthcoming(as(house, lena), id, null);
    expect(await sentTo(house)).toEqual([]);
    expect(await reasonOf(approve(house, id, hash, await actor(house, lena)))).toBe('approved-already');
    const said = await approve(house, id, hash, await actor(house, dirk));
    expect(said).toMatchObject({ forthcoming_at: house.clock.now(), state: 'scheduled' });
    const sent = await sentTo(house);
    expect(sent.map(({ to }) => to)).toEqual([READER, OUTSIDE]);
    for (const { mail } of sent) {
      expect(mail).toContain(toIso(drafted.release_at ?? 0).slice(0, 10));
      expect(mail).toContain('Highest severity: High');
      expect(mail).not.toMatch(/frobnicator|CVE-|ORBIT-2026|rita@|fix\.patch/i);
    }
    // A third one approves what is out already, also where who drafted it has left.
    await setContactActive(as(house, ada), lena.contactId, false, 'she left');
    await approve(house, id, hash, await actor(house, ada));
    expect(await sentTo(house)).toEqual([]);
  });

  test.each([
    [{ severity: true, count: true, cve: true }, 'Highest severity: High\nIssues: 1\nCVE: CVE-2026-99001\n'],
    [{ severity: false, count: true, cve: false }, '\nIssues: 1\n\nPlease'],
    [{ severity: false, count: false, cve: false }, 'UTC\n\nPlease'],
  ])('it tells what the policies of the case let it tell, and no more: %j', async (forthcomingTells, told) => {
    const base = await open();
    const [found] = allPolicies({ policies: {}, holidays: [] }).filter(({ name }) => name === 'k8s-2017');
    if (!found) throw new Error('no policy');
    const policies = [{ ...found, policy: { ...found.policy, forthcomingTells } }];
    const house = { ...base, project: { ...base.project, policies, usual: ['k8s-2017'] } };
    const id = await planned(house);
    const about = await caseOf(house, id);
    expect((await writeForthcoming(house, about, null)).text).toContain(told);
    const named = writeForthcoming(house, about, 'It is CVE-2026-99001.');
    expect(await reasonOf(named)).toBe(forthcomingTells.cve ? 'done' : 'invalid');
    expect(await reasonOf(writeForthcoming(house, about, 'It is CVE-2026-99002.'))).toBe('invalid');
  });

  test('it is for an instant that two people approved, and says nothing of the case', async () => {
    const house = await open();
    const [lena] = house.team;
    const { id } = await scheduled(house);
    expect(await reasonOf(draftForthcoming(as(house, lena), id, null))).toBe('not-approved');
    expect(await reasonOf(draftForthcoming(house, id, null))).toBe('needs-person');
    const other = await planned(house);
    expect(await reasonOf(draftForthcoming(as(house, lena), other, 'Switch the frobnicator off.'))).toBe('invalid');
    expect((await caseOf(house, other)).forthcoming_hash).toBeNull();
    await draftForthcoming(as(house, lena), other, 'Switch the server off.');
  });

  describe('of what people reported it tells nothing:', () => {
    const REPORT =
      'A request whose length field is larger than the buffer of the socket makes the worker write past its end, and the next free of that buffer jumps to an address that the client has chosen.';
    const AGAIN =
      'If the second chunk of an upload carries a negative offset then the copy loop runs backwards over the table of open sessions and every token in it can be read by whoever asks for the status page.';
    const reported = async () => {
      const house = await open();
      const [lena, dirk] = house.team;
      const first = await house.report({ text: `${REPORT}\n` });
      const second = await house.report({ text: `${AGAIN}\n` }, 'ron@example.net');
      const { id } = await scheduled(house, house.clock.now() + 2 * HOUR, first);
      await claim(as(house, lena), id, {});
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 2 * HOUR });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      return { house, id, second, lena, dirk };
    };

    test('not the words of the report, nor those of its duplicate, or who wrote that', async () => {
      const { house, id, second, lena } = await reported();
      await draftForthcoming(as(house, lena), id, AGAIN);
      await linkDuplicate(as(house, lena), second, { of: id, text: null });
      const refused = async (text: string) => draftForthcoming(as(house, lena), id, text).catch(({ hint }) => hint);
      const passage = expect.stringContaining('tells of the case: a passage of what is under embargo');
      expect(await refused(REPORT)).toEqual(passage);
      expect(await refused(AGAIN)).toEqual(passage);
      expect(await refused('Found by ron@example.net')).toEqual(expect.stringContaining('the reporter'));
      await draftForthcoming(as(house, lena), id, 'Until then let nobody upload anything who is not known to you by name.');
    });

    test('and that is found out while the server goes on, however much they wrote', async () => {
      const house = await open();
      const [lena, dirk] = house.team;
      const long = Array.from({ length: 200_000 }, (_, at) => `word${(at * 7919).toString(36)}${at % 9 === 8 ? '\n' : ' '}`);
      const { id } = await scheduled(
        house,
        house.clock.now() + 2 * HOUR,
        await house.report({ text: `${REPORT}\n${long.join('')}` }),
      );
      await claim(as(house, lena), id, {});
      const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 2 * HOUR });
      await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
      const stall = await longestStall(async () =>
        expect(await reasonOf(draftForthcoming(as(house, lena), id, REPORT))).toBe('invalid'),
      );
      expect(stall).toBeLessThan(LONGEST);
    });

    test('but the mitigation that is recorded, whoever wrote it', async () => {
      const { house, id, lena } = await reported();
      await describeCase(as(house, lena), id, { mitigation: REPORT });
      await draftForthcoming(as(house, lena), id, REPORT);
    });

    test('a report that is linked with it since it was drafted voids it, and words that quote it do not', async () => {
      const { house, id, second, lena, dirk } = await reported();
      house.clock.moveTo(house.clock.now() + MINUTE);
      const copied = await draftForthcoming(as(house, lena), id, AGAIN);
      await linkDuplicate(as(house, lena), second, { of: id, text: null });
      expect(await reasonOf(approve(house, id, copied.hash, await actor(house, dirk)))).toBe('invalid');
      const own =
        'Take the upload of files out of the menu of every user, and have the operator of each site do it by hand for them where they cannot wait until the day of the fix.';
      const { hash } = await draftForthcoming(as(house, lena), id, own);
      house.clock.moveTo(house.clock.now() + MINUTE);
      const third = await house.report({ text: `Is it true? ${own}\n` }, 'otto@example.net');
      await linkDuplicate(as(house, lena), third, { of: id, text: null });
      await approve(house, id, hash, await actor(house, dirk));
      expect(await sentTo(house)).toHaveLength(2);
    });
  });

  test('what was approved for another instant does not go out', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await planned(house);
    const { hash } = await draftForthcoming(as(house, lena), id, null);
    await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 3 * HOUR });
    expect(await reasonOf(approve(house, id, hash, await actor(house, dirk)))).toBe('approval-voided');
    expect(await sentTo(house)).toEqual([]);
  });

  test('where one is out, the next is shown as it was drafted, looked at again, and goes out with an approval of its own', async () => {
    const house = await open();
    const [lena, dirk, ada] = house.team;
    const id = await planned(house);
    const first = await draftForthcoming(as(house, lena), id, null);
    await approve(house, id, first.hash, await actor(house, dirk));
    expect(await sentTo(house)).toHaveLength(2);
    const { schedule_hash } = await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 3 * HOUR });
    await approve(house, id, schedule_hash ?? '', await actor(house, dirk));
    const drafted = await draftForthcoming(as(house, lena), id, 'Switch the exporter off.');
    const { mails } = await previewNotice(as(house, dirk), id, 'forthcoming', { text: null, list: null });
    expect(mails[0]?.text).toContain('Switch the exporter off.');
    await describeCase(house, id, { affected: [{ product: 'orbit', component: 'exporter', versions: [] }] });
    expect(await reasonOf(approve(house, id, drafted.hash, await actor(house, dirk)))).toBe('invalid');
    const { hash } = await draftForthcoming(as(house, lena), id, 'Switch the server off.');
    house.clock.moveTo(house.clock.now() + HOUR);
    expect(await approve(house, id, hash, await actor(house, dirk))).toMatchObject({ forthcoming_at: house.clock.now() });
    await approve(house, id, hash, await actor(house, ada));
    const sent = await sentTo(house);
    expect(sent.map(({ to }) => to)).toEqual([READER, OUTSIDE]);
    for (const { mail } of sent) expect(mail).toContain('Switch the server off.');
  });

  test('a copy that waits is held where the instant moves meanwhile', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await planned(house);
    const { hash } = await draftForthcoming(as(house, lena), id, null);
    await approve(house, id, hash, await actor(house, dirk));
    await describeCase(house, id, {});
    await schedule(as(house, lena), id, { releaseAt: house.clock.now() + 3 * HOUR });
    expect(await sentTo(house)).toEqual([]);
    const copies = await house.db.selectFrom('deliveries').select(['state', 'reason']).where('audience', '=', 'public').execute();
    expect(copies).toEqual([
      { state: 'held', reason: 'approval-voided' },
      { state: 'held', reason: 'approval-voided' },
    ]);
  });

  test('what the relay put off goes no more once its instant has passed', async () => {
    const house = await open();
    const [lena, dirk] = house.team;
    const id = await planned(house);
    const { hash, case: drafted } = await draftForthcoming(as(house, lena), id, null);
    await approve(house, id, hash, await actor(house, dirk));
    const box = outbox(house);
    box.answers = () => ({ state: 'deferred', reason: 'try-later', response: '451 4.3.0 later' });
    await box.drain();
    house.clock.moveTo(drafted.release_at ?? 0);
    expect(await sentTo(house)).toEqual([]);
    const copies = await house.db.selectFrom('deliveries').select(['state', 'reason']).where('audience', '=', 'public').execute();
    expect(copies).toEqual([
      { state: 'failed', reason: 'past-instant' },
      { state: 'failed', reason: 'past-instant' },
    ]);
  });
});
