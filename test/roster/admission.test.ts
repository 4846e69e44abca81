import { sql } from 'kysely';
import * as openpgp from 'openpgp';
import { beforeEach, describe, expect, test } from 'vitest';
import { sendNotice } from '../../src/cases/notices.ts';
import { DAY, newId, SECOND } from '../../src/clock.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { defaultWords } from '../../src/notices/words.ts';
import { readCertificate } from '../../src/pgp/certificate.ts';
import { Refusal } from '../../src/refusal.ts';
import { decide, judge, remove, reviewed, standingRemovals, vouch } from '../../src/roster/admission.ts';
import { type AdmissionRules, apply } from '../../src/roster/apply.ts';
import {
  addCertificate,
  addContact,
  approveCertificate,
  retireCertificate,
  setContactActive,
} from '../../src/roster/contacts.ts';
import { CRITERIA } from '../../src/roster/criteria.ts';
import { addMember } from '../../src/roster/enter.ts';
import { importRoster } from '../../src/roster/import.ts';
import { askForProof, takeProof } from '../../src/roster/prove.ts';
import { isOut, next, provesKeys, type Step, steps } from '../../src/roster/state.ts';
import * as admission from '../../src/store/admission.ts';
import * as audit from '../../src/store/audit.ts';
import * as certificates from '../../src/store/certificates.ts';
import * as contacts from '../../src/store/contacts.ts';
import * as exposure from '../../src/store/exposure.ts';
import * as members from '../../src/store/members.ts';
import type { Member, MemberState } from '../../src/store/schema.ts';
import { outbox } from '../delivery/outbox.ts';
import { arm, scheduled } from '../embargo/armed.ts';
import { memberOf } from '../embargo/limited.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { changed, generate, makeParty, openCopy } from '../support/party.ts';
import { proveCertificate } from '../support/prove.ts';

const RULES: AdmissionRules = { project: 'orbit', criteria: CRITERIA, terms: null };
const STATES: readonly MemberState[] = [
  'applied',
  'vouched',
  'vetted',
  'key_proved',
  'active',
  'key_hold',
  'suspended',
  'removed',
  'rejected',
];

describe('the table of steps', () => {
  test('is the one of the process', () => {
    const allowed = STATES.flatMap((state) =>
      (Object.keys(steps) as Step[]).filter((step) => next(state, step)).map((step) => `${state} ${step} ${next(state, step)}`),
    );
    expect(allowed).toEqual([
      'applied vouch vouched',
      'applied reject rejected',
      'applied remove removed',
      'vouched vet vetted',
      'vouched reject rejected',
      'vouched remove removed',
      'vetted prove-key key_proved',
      'vetted reject rejected',
      'vetted remove removed',
      'key_proved activate active',
      'key_proved reject rejected',
      'key_proved remove removed',
      'active hold-key key_hold',
      'active suspend suspended',
      'active remove removed',
      'key_hold release-key active',
      'key_hold suspend suspended',
      'key_hold remove removed',
      'suspended reinstate active',
      'suspended remove removed',
      'removed apply-again applied',
      'rejected apply-again applied',
    ]);
  });
});

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let lena: string;
  let dirk: string;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [lena, dirk] = [house.team[0].contactId, house.team[1].contactId];
  });

  const application = async (organisation = 'Gamma', address = 'security@gamma.example') => ({
    organisation,
    product: null,
    contact: { address, name: null, certificate: (await makeParty(address)).public },
    terms: null,
    answers: CRITERIA.map(({ id }) => ({ criterion: id, answer: 'Yes.', evidence: 'https://gamma.example' })),
  });
  const passing = CRITERIA.map(({ id }) => ({ criterion: id, pass: true, note: null }));
  const put = (id: string, state: MemberState) => house.db.updateTable('members').set({ state }).where('id', '=', id).execute();
  const prove = (id: string) =>
    house.db.updateTable('contacts').set({ proved_at: house.clock.now() }).where('member_id', '=', id).execute();
  const stateOf = async (id: string) => (await members.byId(house.db, id))?.state;
  const linesOf = async (id: string) =>
    (await house.db.selectFrom('audit').select('action').where('subject', '=', `member:${id}`).orderBy('seq').execute()).map(
      ({ action }) => action,
    );

  /** What a person asks for, and the step that it is. `prove-key`, `hold-key` and `release-key` are taken by Curfew itself. */
  const actions: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    vouch: (id) => vouch(house, RULES, id, lena, 'known for years'),
    vet: async (id) => {
      await judge(house, RULES, id, lena, passing);
      await judge(house, RULES, id, dirk, passing);
    },
    activate: (id) => decide(house, RULES, id, 'activate', { reason: 'test' }),
    suspend: (id) => decide(house, RULES, id, 'suspend', { reason: 'test' }),
    reinstate: (id) => decide(house, RULES, id, 'reinstate', { reason: 'test' }),
    reject: (id) => decide(house, RULES, id, 'reject', { reason: 'test' }),
    remove: async (id) => {
      await remove(house, RULES, id, lena, 'test');
      const { pending } = await remove(house, RULES, id, dirk, 'test');
      if (pending) throw new Refusal('conflict', 'what the first one asked for was answered meanwhile');
    },
    'apply-again': async () => apply(house, RULES, await application()),
  };

  test.each(Object.keys(actions))(
    '%s is done from each state that allows it, and refused with its reason from any other',
    async (step) => {
      const { id } = await apply(house, RULES, await application());
      await prove(id);
      for (const state of STATES) {
        await put(id, state);
        for (const table of ['vouches', 'verdicts', 'removals'] as const) await house.db.deleteFrom(table).execute();
        const before = (await linesOf(id)).length;
        const to = next(state, step as Step);
        const doing = actions[step]?.(id);
        if (to) {
          await doing;
          expect(await stateOf(id), `${state} ${step}`).toBe(to);
          expect((await linesOf(id)).length).toBeGreaterThan(before);
        } else {
          await expect(doing, `${state} ${step}`).rejects.toMatchObject({
            reason: 'conflict',
            message: expect.stringContaining(state),
          });
          expect(await stateOf(id)).toBe(state);
          expect((await linesOf(id)).length).toBe(before);
        }
      }
    },
  );

  test('who is active is reviewed, and nobody in another state', async () => {
    const { id } = await apply(house, RULES, await application());
    for (const state of STATES) {
      await put(id, state);
      if (state === 'active') expect((await reviewed(house, id, lena)).review_at).toBeGreaterThan(house.clock.now());
      else
        await expect(reviewed(house, id, lena), state).rejects.toMatchObject({
          reason: 'conflict',
          message: expect.stringContaining(`is ${state}: only who is active is reviewed`),
        });
      expect(await stateOf(id)).toBe(state);
    }
  });

  /** What is done with the contacts of a member, and what is done before, so that nothing but his state stands against it. */
  const ofContacts: Readonly<Record<string, (of: { id: string; contactId: string }) => Promise<() => Promise<unknown>>>> = {
    'contact add': async ({ id }) => {
      const { address, public: certificate } = await generate(`${newId(house.clock)}@gamma.example`, 'New', {});
      return () => addContact(house, RULES, id, { address, name: null, certificate });
    },
    'contact retire': async ({ contactId }) => {
      await contacts.setActive(house.db, contactId, true);
      return () => setContactActive(house, contactId, false, 'test');
    },
    'contact reinstate': async ({ contactId }) => {
      await contacts.setActive(house.db, contactId, false);
      return () => setContactActive(house, contactId, true, 'test');
    },
    'certificate give': async ({ contactId }) => {
      const fresh = await generate('security@gamma.example', 'New', {});
      return () => addCertificate(house, contactId, fresh.public);
    },
    'certificate prove': async ({ id, contactId }) => {
      await proposed(contactId);
      return () => askForProof(house, RULES, id);
    },
    'certificate approve': async ({ contactId }) => {
      const waiting = await proposed(contactId);
      await proveCertificate(house, contactId, waiting);
      return () => approveCertificate(house, contactId, waiting, lena);
    },
  };
  async function proposed(contactId: string): Promise<string> {
    const facts = await readCertificate((await generate('security@gamma.example', 'New', {})).public);
    const { fingerprint, data } = facts;
    const row = { id: newId(house.clock), contact_id: contactId, fingerprint, data, state: 'proposed' } as const;
    await certificates.insert(house.db, { ...row, created_at: house.clock.now() }, facts);
    return row.id;
  }

  test.each(Object.keys(ofContacts))('%s is done in each state but those of who is out, and refused there', async (action) => {
    const { id } = await apply(house, RULES, await application());
    const contactId = (await contacts.byAddress(house.db, 'security@gamma.example'))?.id ?? '';
    for (const state of STATES) {
      await put(id, state);
      const doing = (await ofContacts[action]?.({ id, contactId }))?.();
      if (!isOut(state)) await doing;
      else
        await expect(doing, state).rejects.toMatchObject({ reason: 'conflict', message: expect.stringContaining(`is ${state}`) });
    }
  });

  test('a certificate counts only where those who are to know of it are told', async () => {
    const { id } = await apply(house, RULES, await application());
    const [contact] = await contacts.ofMember(house.db, id);
    const contactId = contact?.id ?? '';
    const waiting = await proposed(contactId);
    await proveCertificate(house, contactId, waiting);
    await outbox(house).drain();
    const insert = 'create trigger nobody_is_told before insert on posts';
    const broken =
      engine.name === 'sqlite'
        ? sql.raw(`${insert} when new.kind = 'alert' begin select raise(abort, 'the disk is full'); end`)
        : sql.raw(`alter table posts add constraint nobody_is_told check (kind <> 'alert') not valid`);
    await broken.execute(house.db);
    await expect(approveCertificate(house, contactId, waiting, lena)).rejects.toThrow();
    expect(await certificates.byId(house.db, waiting)).toMatchObject({ state: 'proposed' });
    await sql
      .raw(engine.name === 'sqlite' ? 'drop trigger nobody_is_told' : 'alter table posts drop constraint nobody_is_told')
      .execute(house.db);
    await approveCertificate(house, contactId, waiting, lena);
    const told = (await outbox(house).drain()).map(({ to }) => to);
    expect(told.sort()).toEqual([...house.team.map(({ address }) => address), 'security@gamma.example'].sort());
  });

  test.each(STATES)('%s, and two at once: both are done one after the other, or one is refused', async (state) => {
    const legal = Object.keys(actions).filter((step) => next(state, step as Step));
    const pairs = legal.flatMap((first, index) => legal.slice(index).map((second) => [first, second] as const));
    for (const [index, [first, second]] of pairs.entries()) {
      const [organisation, address] = [`${state} ${index}`, `${state.replace('_', '-')}-${index}@gamma.example`];
      const { id } = await apply(house, RULES, await application(organisation, address));
      await prove(id);
      await put(id, state);
      const both = await Promise.allSettled([doing(first, id, organisation, address), doing(second, id, organisation, address)]);
      const done = both.filter(({ status }) => status === 'fulfilled').length;
      const refusals = both.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      for (const refusal of refusals) expect(refusal, `${state} ${first} ${second}`).toMatchObject({ reason: 'conflict' });
      const orders = [
        [first, second],
        [second, first],
      ].map(([one, other]) => {
        const between = next(state, one as Step);
        const after = between && next(between, other as Step);
        return { between, after };
      });
      const states = orders.map(({ between, after }) => (done === 2 ? after : between));
      expect(done, `${state} ${first} ${second}`).toBeGreaterThan(0);
      expect(states, `${state} ${first} ${second}, ${done} done`).toContain(await stateOf(id));
    }
  });

  /** As `actions`, of an organisation that is called so. */
  const doing = async (step: string, id: string, organisation: string, address: string) =>
    step === 'apply-again' ? apply(house, RULES, await application(organisation, address)) : actions[step]?.(id);

  test('two at once: one of them is done, the other is refused', async () => {
    const { id } = await apply(house, RULES, await application());
    for (const [state, first, second] of [
      ['key_proved', 'activate', 'reject'],
      ['active', 'suspend', 'suspend'],
      ['suspended', 'reinstate', 'reinstate'],
    ] as const) {
      await put(id, state);
      // Where he was rejected, in a race before, his contacts were retired.
      await house.db.updateTable('contacts').set({ active: 1 }).where('member_id', '=', id).execute();
      const before = (await linesOf(id)).length;
      const both = await Promise.allSettled([actions[first]?.(id), actions[second]?.(id)]);
      expect(both.map(({ status }) => status).sort(), state).toEqual(['fulfilled', 'rejected']);
      expect((await linesOf(id)).length).toBe(before + 1);
    }
  });

  test.each([
    ['activate', 'key_proved'],
    ['reinstate', 'suspended'],
  ] as const)('nobody can %s a member whom no mail would reach', async (step, state) => {
    const gina = await makeParty('security@gamma.example');
    const { id } = await apply(house, RULES, await application());
    const [contact] = await contacts.ofMember(house.db, id);
    const contactId = contact?.id ?? '';
    await prove(id);
    await put(id, state);
    const refused = { reason: 'conflict', message: expect.stringContaining('a certificate that can be used') };
    await contacts.setActive(house.db, contactId, false);
    await expect(actions[step]?.(id)).rejects.toMatchObject(refused);
    await contacts.setActive(house.db, contactId, true);
    await addCertificate(house, contactId, await changed(gina, house.clock.now(), { revoked: true }));
    await expect(actions[step]?.(id)).rejects.toMatchObject(refused);
    expect(await stateOf(id)).toBe(state);
    const next = await proposed(contactId);
    // Who is suspended is let in to prove it, who never was in proves it before.
    if (step === 'activate') {
      await proveCertificate(house, contactId, next);
      await approveCertificate(house, contactId, next, lena);
    }
    await actions[step]?.(id);
    expect(await stateOf(id)).toBe('active');
  });

  test('two judges at once make one member vetted, once', async () => {
    const { id } = await apply(house, RULES, await application());
    await put(id, 'vouched');
    await Promise.all([judge(house, RULES, id, lena, passing), judge(house, RULES, id, dirk, passing)]);
    expect(await stateOf(id)).toBe('vetted');
    expect((await linesOf(id)).filter((action) => action === 'member.judge')).toHaveLength(2);
  });

  test('two different people judge, and each criterion has to be met for both', async () => {
    const { id } = await apply(house, RULES, await application());
    await vouch(house, RULES, id, lena, 'known for years');
    await judge(house, RULES, id, lena, passing);
    await judge(house, RULES, id, lena, passing);
    expect(await stateOf(id)).toBe('vouched');
    const failing = passing.map((one, at) => (at === 1 ? { ...one, pass: false, note: 'no longer maintained' } : one));
    await judge(house, RULES, id, dirk, failing);
    expect(await stateOf(id)).toBe('vouched');
    await judge(house, RULES, id, dirk, passing);
    expect(await stateOf(id)).toBe('vetted');
    await expect(judge(house, RULES, id, lena, passing.slice(1))).rejects.toMatchObject({ reason: 'invalid' });
  });

  test('who is out keeps nobody from his address or his key, by application, by an admin or by an import', async () => {
    const whole = await application();
    const squat = await apply(house, RULES, { ...whole, organisation: 'Squat' });
    await expect(apply(house, RULES, { ...whole, organisation: 'Delta' })).rejects.toMatchObject({ reason: 'conflict' });
    await decide(house, RULES, squat.id, 'reject', { reason: 'not theirs' });
    const { id } = await apply(house, RULES, { ...whole, organisation: 'Delta' });
    expect(await contacts.byAddress(house.db, whole.contact.address)).toMatchObject({ member_id: id, active: 1 });
    await decide(house, RULES, id, 'reject', { reason: 'again' });
    const zeta = await addMember(house, { organisation: 'Zeta', product: null, lists: [] });
    await addContact(house, RULES, zeta.id, { ...whole.contact, name: null, certificate: String(whole.contact.certificate) });
    await decide(house, RULES, zeta.id, 'reject', { reason: 'again' });
    const entry = { organisation: 'Epsilon', lists: [LISTS.distributors] };
    const people = [{ address: whole.contact.address, certificate: String(whole.contact.certificate) }];
    const done = await importRoster(house, [{ ...entry, contacts: people }], { activate: { reason: 'known' }, dryRun: false });
    expect(done).toMatchObject({ written: true, problems: [] });
    const owner = await contacts.byAddress(house.db, whole.contact.address);
    expect((await members.byId(house.db, owner?.member_id ?? ''))?.organisation).toBe('Epsilon');
    // A signature leads to one person: no former holder is credited with it.
    const { fingerprint } = await readCertificate(String(whole.contact.certificate));
    const credited = await certificates.byKeyIds(house.db, [fingerprint.slice(-16)]);
    expect(credited.map(({ contact }) => contact.id)).toEqual([owner?.id]);
  });

  test('who applies again has the contacts that he names, on no list, with nothing proved', async () => {
    const whole = await application();
    const { id } = await apply(house, RULES, whole);
    const old = await generate('old@gamma.example', 'Old', {});
    await addContact(house, RULES, id, { address: 'old@gamma.example', name: null, certificate: old.public });
    await put(id, 'key_proved');
    await prove(id);
    await decide(house, RULES, id, 'activate', { reason: 'known', lists: [LISTS.distributors] });
    const gina = (await contacts.byAddress(house.db, whole.contact.address))?.id ?? '';
    await proveCertificate(house, gina, (await certificates.current(house.db, gina))?.id ?? '');
    await remove(house, RULES, id, lena, 'old@ leaked');
    await remove(house, RULES, id, dirk, 'old@ leaked');
    expect(await members.listsOf(house.db, id)).toEqual([]);
    await apply(house, RULES, whole);
    await put(id, 'vetted');
    expect(await askForProof(house, RULES, id)).toBe(1);
    await put(id, 'key_proved');
    await expect(decide(house, RULES, id, 'activate', { reason: 'again' })).rejects.toMatchObject({
      reason: 'conflict',
      message: expect.stringContaining('prove-key'),
    });
    await prove(id);
    await decide(house, RULES, id, 'activate', { reason: 'again', lists: [LISTS.distributors] });
    const active = (await contacts.ofMember(house.db, id)).filter((one) => one.active === 1);
    expect(active.map(({ address }) => address)).toEqual([whole.contact.address]);
  });

  test('who was removed is so until two of the team have said yes to a new application: its rejection washes nothing off', async () => {
    const whole = await application();
    const { id } = await apply(house, RULES, whole);
    await actions['remove']?.(id);
    const people = [{ address: whole.contact.address, certificate: String(whole.contact.certificate) }];
    const entry = { organisation: 'Gamma', lists: [LISTS.distributors], contacts: people };
    const bring = (options = {}) => importRoster(house, [entry], { activate: { reason: 'known' }, dryRun: false, ...options });
    await apply(house, RULES, whole);
    expect(await bring()).toMatchObject({
      written: false,
      problems: [{ problem: expect.stringContaining('two of the team judge that first') }],
    });
    await actions['reject']?.(id);
    const [lastLine] = await audit.page(house.db, { limit: 1, action: 'member.reject' });
    expect(JSON.parse(lastLine?.line ?? '{}').detail).toMatchObject({ from: 'applied', to: 'removed' });
    for (const activate of [{ reason: 'known' }, null])
      expect(await bring({ activate })).toMatchObject({
        written: false,
        problems: [{ problem: expect.stringContaining('it has to apply again') }],
      });
    await expect(addMember(house, { organisation: 'Gamma', product: null, lists: [] })).rejects.toMatchObject({
      reason: 'conflict',
    });
    await expect(addMember(house, { organisation: 'GAMMA', product: null, lists: [] })).rejects.toMatchObject({
      reason: 'conflict',
    });
    expect(await stateOf(id)).toBe('removed');
    await apply(house, RULES, whole);
    await actions['vouch']?.(id);
    expect(await bring()).toMatchObject({ written: false });
    await actions['vet']?.(id);
    expect(await bring()).toMatchObject({ written: true, activated: 1 });
    expect(await members.byId(house.db, id)).toMatchObject({ state: 'active', removed_at: null });
  });

  /** Gamma with a certificate that ends in 40 days, removed; and what it is after its owner extended it. */
  async function formerGamma() {
    const born = house.clock.now() - DAY;
    const gina = await generate('security@gamma.example', 'gina', { born, lifetime: (41 * DAY) / SECOND });
    const whole = await application();
    const wish = (certificate: string) => ({ ...whole, contact: { ...whole.contact, certificate } });
    const { id } = await apply(house, RULES, wish(gina.public));
    const contactId = (await contacts.byAddress(house.db, gina.address))?.id ?? '';
    for (const admin of [lena, dirk]) await remove(house, RULES, id, admin, 'test');
    house.clock.moveTo(house.clock.now() + 50 * DAY);
    const extended = await changed(gina, house.clock.now(), { lifetime: (400 * DAY) / SECOND });
    return { id, contactId, gina, wish, extended };
  }
  const applied = async () =>
    JSON.parse((await audit.page(house.db, { action: 'member.apply', limit: 1 }))[0]?.line ?? '').detail;

  test.each(['current', 'retired'] as const)(
    'who applies again with his %s certificate extended has the extended one',
    async (state) => {
      const { id, contactId, gina, wish, extended } = await formerGamma();
      const had = await certificates.current(house.db, contactId);
      if (state === 'retired') await certificates.retire(house.db, had?.id ?? '');
      await expect(apply(house, RULES, wish(gina.public))).rejects.toMatchObject({ reason: 'unusable-certificate' });
      await apply(house, RULES, wish(extended));
      const current = await certificates.current(house.db, contactId);
      expect(current?.id).toBe(had?.id);
      expect(await house.pgp.usable(current?.data ?? Buffer.alloc(0), house.clock.now())).toMatchObject({ usable: true });
      expect(await applied()).toMatchObject({
        fingerprint: gina.fingerprint,
        before: state === 'current' ? gina.fingerprint : null,
      });
      await put(id, 'vetted');
      expect(await askForProof(house, RULES, id)).toBe(1);
    },
  );

  test('a stranger who applies in the name of a former member keeps it from nothing, and what he put in its place is logged', async () => {
    const { id, contactId, gina, wish, extended } = await formerGamma();
    const thief = await generate(gina.address, 'thief', {});
    await apply(house, RULES, wish(thief.public));
    expect(await applied()).toMatchObject({ fingerprint: thief.fingerprint, before: gina.fingerprint });
    await decide(house, RULES, id, 'reject', { reason: 'not theirs' });
    await apply(house, RULES, wish(extended));
    expect(await applied()).toMatchObject({ fingerprint: gina.fingerprint, before: thief.fingerprint });
    const rows = await certificates.ofContact(house.db, contactId);
    expect(rows.map(({ fingerprint, state }) => [fingerprint, state])).toEqual([
      [gina.fingerprint, 'current'],
      [thief.fingerprint, 'retired'],
    ]);
  });

  test.each(['applied', 'vouched', 'active', 'suspended', 'removed'] as const)(
    'nobody who is %s is asked to prove what he has: that would count for nothing later',
    async (state) => {
      const { id } = await apply(house, RULES, await application());
      await contacts.setProved(
        house.db,
        (await contacts.ofMember(house.db, id)).map((one) => one.id),
        house.clock.now(),
      );
      await put(id, state);
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'conflict' });
    },
  );

  describe('a person who has left the team', () => {
    const leave = () => setContactActive(house, dirk, false, 'dismissed');

    test('is none of the two who judged', async () => {
      const { id } = await apply(house, RULES, await application());
      await vouch(house, RULES, id, lena, 'known');
      await judge(house, RULES, id, dirk, passing);
      await leave();
      expect(await judge(house, RULES, id, house.team[2].contactId, passing)).toMatchObject({ state: 'vouched' });
      expect(await judge(house, RULES, id, lena, passing)).toMatchObject({ state: 'vetted' });
    });

    test('is none of the two who ask for a removal', async () => {
      const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
      await remove(house, RULES, id, dirk, 'spite');
      await leave();
      expect(await standingRemovals(house.db, { memberId: id, round: 1 }, house.clock.now())).toEqual([]);
      expect(await remove(house, RULES, id, lena, 'leaked')).toMatchObject({ pending: true });
      expect(await remove(house, RULES, id, house.team[2].contactId, 'leaked')).toMatchObject({ pending: false });
    });
  });

  test('a removal that nobody else asks for within 30 days is asked for anew, by the same person too', async () => {
    const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
    await remove(house, RULES, id, lena, 'leaked');
    house.clock.moveTo(house.clock.now() + 30 * DAY);
    expect(await remove(house, RULES, id, dirk, 'leaked')).toMatchObject({ pending: true });
    expect(await remove(house, RULES, id, lena, 'leaked')).toMatchObject({ pending: false });
  });

  test('the team is told of a removal that one of them asks for, and the member is not', async () => {
    const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
    await remove(house, RULES, id, lena, 'leaked');
    const mails = await outbox(house).drain();
    expect(mails.map(({ to }) => to).sort()).toEqual(house.team.map(({ address }) => address).sort());
    const words = (await openCopy(mails.find(({ to }) => to === house.team[0].address)?.raw ?? Buffer.of(), house.team[0]))
      .entity;
    expect(words.toString()).toContain('lena@orbit.example asks for "Alpha" to be removed:\r\nleaked');
    expect(words.toString()).toContain('curfew member remove ORGANISATION');
  });

  test('a request for a removal lapses when the member is reinstated or reviewed', async () => {
    const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
    for (const answered of [
      async () => {
        await decide(house, RULES, id, 'suspend', { reason: 'x' });
        await decide(house, RULES, id, 'reinstate', { reason: 'it was another one' });
      },
      () => reviewed(house, id, lena),
    ]) {
      await remove(house, RULES, id, lena, 'leaked');
      await answered();
      expect(await remove(house, RULES, id, dirk, 'another reason')).toMatchObject({ pending: true });
      await admission.dropRemovals(house.db, id);
    }
  });

  test('what a step gives is the member as he is then', async () => {
    const { id } = await apply(house, RULES, await application());
    house.clock.moveTo(house.clock.now() + 1000);
    expect(await vouch(house, RULES, id, lena, 'known')).toEqual(await members.byId(house.db, id));
    expect(await judge(house, RULES, id, dirk, passing)).toEqual(await members.byId(house.db, id));
    expect(await decide(house, RULES, id, 'reject', { reason: 'x' })).toEqual(await members.byId(house.db, id));
  });

  test('each step on the way in is told to the applicant, sealed, and a vouch to the team, in the words of the project', async () => {
    const gina = await makeParty('security@gamma.example');
    const { id } = await apply(house, RULES, await application());
    await outbox(house).drain();
    const told = async () => {
      const mails = await outbox(house).drain();
      const [mail, ...more] = mails.filter(({ to }) => to === gina.address);
      expect(more).toEqual([]);
      const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), gina, undefined, house.clock.now());
      return { text: entity.toString(), team: mails.length - 1 };
    };
    await vouch(house, RULES, id, lena, 'known for years');
    const vouched = await told();
    expect(vouched.text).toContain('a member has vouched for it');
    expect([vouched.text.includes('known for years'), vouched.team]).toEqual([false, house.team.length]);
    await judge(house, RULES, id, lena, passing);
    expect(await outbox(house).drain()).toEqual([]);
    const words = { ...defaultWords, memberChanged: () => ({ subject: 'News', text: 'In our own words.\n' }) };
    await judge({ ...house, words }, RULES, id, dirk, passing);
    expect((await told()).text).toContain('In our own words.');
  });

  test('nobody vouches for, or judges, his own organisation; and only a person does', async () => {
    const { id } = await apply(house, RULES, await application());
    const gina = await contacts.byAddress(house.db, 'security@gamma.example');
    await expect(vouch(house, RULES, id, gina?.id ?? '', 'we are good')).rejects.toMatchObject({ reason: 'own-organisation' });
    await expect(vouch(house, RULES, id, null, 'x')).rejects.toMatchObject({ reason: 'needs-person' });
    await expect(remove(house, RULES, id, null, 'x')).rejects.toMatchObject({ reason: 'needs-person' });
    await put(id, 'vouched');
    await expect(judge(house, RULES, id, gina?.id ?? '', passing)).rejects.toMatchObject({ reason: 'own-organisation' });
    await expect(judge(house, RULES, id, null, passing)).rejects.toMatchObject({ reason: 'needs-person' });
    const orbit = (await members.byOrganisation(house.db, 'Orbit'))?.id ?? '';
    await put(orbit, 'vouched');
    await expect(judge(house, RULES, orbit, lena, passing)).rejects.toMatchObject({ reason: 'own-organisation' });
  });

  test('one admin removes nobody, and the reason reaches the member, sealed', async () => {
    const [alpha] = house.members;
    const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
    expect(await remove(house, RULES, id, lena, 'criterion users: none are left')).toMatchObject({ pending: true });
    await expect(remove(house, RULES, id, lena, 'again')).rejects.toMatchObject({ reason: 'conflict' });
    expect(await stateOf(id)).toBe('active');
    expect(await remove(house, RULES, id, dirk, 'criterion users: none are left')).toMatchObject({ pending: false });
    const [mail] = (await outbox(house).drain()).filter(({ to }) => to === alpha.address);
    const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), alpha, undefined, house.clock.now());
    expect(entity.toString()).toContain('criterion users: none are left');
    expect(mail?.raw.toString()).not.toContain('criterion');
  });

  test('an application is complete or not taken, and who was rejected applies again from the beginning', async () => {
    const whole = await application();
    for (const change of [
      { answers: whole.answers.slice(1) },
      { answers: [...whole.answers, { criterion: 'other', answer: 'x', evidence: null }] },
      { contact: { ...whole.contact, address: 'other@gamma.example' } },
    ])
      await expect(apply(house, RULES, { ...whole, ...change })).rejects.toMatchObject({
        reason: expect.stringMatching(/^(invalid|unusable-certificate)$/),
      });
    await expect(apply(house, { ...RULES, terms: '2026-1' }, whole)).rejects.toMatchObject({
      hint: expect.stringContaining('2026-1'),
    });
    const { id } = await apply(house, { ...RULES, terms: '2026-1' }, { ...whole, terms: '2026-1' });
    expect(await members.byId(house.db, id)).toMatchObject({ terms: '2026-1', terms_at: house.clock.now(), round: 1 });
    await vouch(house, RULES, id, lena, 'known for years');
    await decide(house, RULES, id, 'reject', { reason: 'criterion alias: nobody answers' });
    expect(await apply(house, RULES, whole)).toMatchObject({ id });
    expect(await members.byId(house.db, id)).toMatchObject({ state: 'applied', round: 2 });
    expect(await admission.vouches(house.db, { memberId: id, round: 2 })).toEqual([]);
    await vouch(house, RULES, id, lena, 'still');
  });

  describe('a key is proved by the words that were sealed to it', () => {
    const asked = async (organisation = 'Gamma', address = 'security@gamma.example') => {
      const { id } = await apply(house, RULES, await application(organisation, address));
      await put(id, 'vetted');
      await outbox(house).drain();
      expect(await askForProof(house, RULES, id)).toBe(1);
      const gina = await makeParty(address);
      const [mail] = await outbox(house).drain();
      const { entity } = await openCopy(mail?.raw ?? Buffer.alloc(0), gina, undefined, house.clock.now());
      const nonce = /^prove (\S+)/m.exec(entity.toString())?.[1] ?? '';
      const contact = await contacts.byAddress(house.db, gina.address);
      const certificate = await certificates.current(house.db, contact?.id ?? '');
      return { id, nonce, contactId: contact?.id ?? '', certificateId: certificate?.id ?? '' };
    };

    test('it is taken in each state but those of who is out, and is a step of who was vetted alone', async () => {
      for (const state of STATES) {
        await house.db.deleteFrom('key_proofs').execute();
        const { id, ...proof } = await asked(`Gamma ${state}`, `${state.replace('_', '-')}@gamma.example`);
        await put(id, state);
        if (isOut(state)) await expect(takeProof(house, RULES, proof), state).rejects.toMatchObject({ reason: 'conflict' });
        else await takeProof(house, RULES, proof);
        expect(await stateOf(id), state).toBe(next(state, 'prove-key') ?? state);
        expect((await contacts.byId(house.db, proof.contactId))?.proved_at === null, state).toBe(isOut(state));
      }
    });

    test('it is asked for in each state of who was vetted, and refused with its reason in any other', async () => {
      const { id } = await apply(house, RULES, await application());
      for (const state of STATES) {
        await put(id, state);
        if (provesKeys(state)) expect(await askForProof(house, RULES, id), state).toBe(1);
        else
          await expect(askForProof(house, RULES, id), state).rejects.toMatchObject({
            reason: 'conflict',
            message: expect.stringMatching(`is ${state}: (only who was vetted proves a key|he has to apply again first)`),
          });
        expect(await stateOf(id)).toBe(state);
      }
    });

    test('once, by its owner, in time', async () => {
      const { id, ...proof } = await asked();
      const [alpha] = house.members;
      const hers = { ...proof, contactId: alpha.contactId };
      await expect(takeProof(house, RULES, hers)).rejects.toMatchObject({ reason: 'invalid' });
      await expect(takeProof(house, RULES, { ...proof, nonce: 'x'.repeat(32) })).rejects.toMatchObject({ reason: 'invalid' });
      expect(await stateOf(id)).toBe('vetted');
      await takeProof(house, RULES, proof);
      expect(await stateOf(id)).toBe('key_proved');
      await expect(takeProof(house, RULES, proof)).rejects.toMatchObject({ reason: 'invalid' });
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'conflict' });
    });

    /** A second contact, silent. */
    const silent = async (memberId: string) => {
      const { address, public: certificate } = await makeParty('gus@gamma.example');
      return addContact(house, RULES, memberId, { address, name: null, certificate });
    };

    /** What a vetted member does, or has done to it, of which nobody is left who owes a proof. */
    const settled = {
      'the contact who has not is retired': async ({ id, contactId, certificateId }) => {
        const { contact } = await silent(id);
        await proveCertificate(house, contactId, certificateId);
        return () => setContactActive(house, contact.id, false, 'has left');
      },
      'the certificate of who has not is retired': async ({ id, contactId, certificateId }) => {
        const { contact, certificate } = await silent(id);
        await proveCertificate(house, contactId, certificateId);
        return () => retireCertificate(house, contact.id, certificate.id, lena);
      },
      'another certificate is approved that he has proved': async ({ contactId }) => {
        const waiting = await proposed(contactId);
        await proveCertificate(house, contactId, waiting);
        return () => approveCertificate(house, contactId, waiting, lena);
      },
      'he proved it before he was vetted': async ({ id, contactId, certificateId }) => {
        await put(id, 'vouched');
        await judge(house, RULES, id, lena, passing);
        await proveCertificate(house, contactId, certificateId);
        return () => judge(house, RULES, id, dirk, passing);
      },
    } satisfies Record<string, (of: Awaited<ReturnType<typeof asked>>) => Promise<() => Promise<unknown>>>;

    test.each(Object.entries(settled))('nobody is left to ask: the step is taken where %s', async (_how, before) => {
      const { id, ...proof } = await asked();
      const move = await before({ id, ...proof });
      await move();
      const { length } = await linesOf(id);
      await outbox(house).drain();
      expect(await askForProof(house, RULES, id)).toBe(0);
      expect(await stateOf(id)).toBe('key_proved');
      expect((await linesOf(id)).slice(length)).toEqual(['member.prove-key']);
      expect((await outbox(house).drain()).map(({ to }) => to)).toContain('security@gamma.example');
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'conflict' });
    });

    test.each(['revoked', 'short'])(
      'where nobody is left to ask, the step is not taken by a certificate that is %s',
      async (what) => {
        const { id, contactId, certificateId } = await asked();
        const { contact } = await silent(id);
        await proveCertificate(house, contactId, certificateId);
        await setContactActive(house, contact.id, false, 'has left');
        const gina = await makeParty('security@gamma.example');
        const now = house.clock.now();
        const born = (await openpgp.readKey({ armoredKey: gina.public })).getCreationTime().getTime();
        const lifetime = Math.round((now - born + 10 * DAY) / 1000);
        await addCertificate(house, contactId, await changed(gina, now, what === 'revoked' ? { revoked: true } : { lifetime }));
        await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'unusable-certificate' });
        expect(await stateOf(id)).toBe('vetted');
      },
    );

    test('nor is it taken by a proof that comes while the certificate of one of them does not last', async () => {
      const { id, ...proof } = await asked();
      const gina = await makeParty('security@gamma.example');
      await addCertificate(house, proof.contactId, await changed(gina, house.clock.now(), { revoked: true }));
      await takeProof(house, RULES, proof);
      expect(await stateOf(id)).toBe('vetted');
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'unusable-certificate' });
      const another = (await addCertificate(house, proof.contactId, (await generate(gina.address, 'another', {})).public))
        .certificate;
      await proveCertificate(house, proof.contactId, another.id);
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ message: expect.stringContaining('approve it') });
      await approveCertificate(house, proof.contactId, another.id, lena);
      expect(await askForProof(house, RULES, id)).toBe(0);
      expect(await stateOf(id)).toBe('key_proved');
    });

    test('not after two weeks', async () => {
      const { id, ...proof } = await asked();
      house.clock.moveTo(house.clock.now() + 15 * DAY);
      await expect(takeProof(house, RULES, proof)).rejects.toMatchObject({ reason: 'invalid' });
      expect(await stateOf(id)).toBe('vetted');
    });

    test('the words are in no row and no log', async () => {
      const { nonce } = await asked();
      const rows = JSON.stringify([
        await house.db.selectFrom('key_proofs').selectAll().execute(),
        await house.db.selectFrom('audit').selectAll().execute(),
      ]);
      expect(nonce).not.toBe('');
      expect(rows).not.toContain(nonce);
    });

    test('a certificate that ends within two weeks is not asked for, but the one that is to take its place', async () => {
      const short = await generate('short@delta.example', 'short', { born: house.clock.now() - DAY, lifetime: 11 * 86_400 });
      const whole = await application('Delta', short.address);
      const { id } = await apply(house, RULES, { ...whole, contact: { ...whole.contact, certificate: short.public } });
      await put(id, 'vetted');
      await expect(askForProof(house, RULES, id)).rejects.toMatchObject({ reason: 'unusable-certificate' });
      const [contact] = await contacts.ofMember(house.db, id);
      const given = await addCertificate(house, contact?.id ?? '', (await generate(short.address, 'long', {})).public);
      expect(await askForProof(house, RULES, id)).toBe(1);
      const asked = await house.db.selectFrom('key_proofs').select('certificate_id').execute();
      expect(asked).toEqual([{ certificate_id: given.certificate.id }]);
      await proveCertificate(house, contact?.id ?? '', given.certificate.id);
      await silent(id);
      expect(await askForProof(house, RULES, id)).toBe(1);
    });
  });

  test('who got the second notice alone has seen the case, whatever became of its dispatch', async () => {
    const [alpha, beta] = house.members;
    const { id } = await arm(house, await scheduled(house, house.clock.now() + 7 * DAY));
    await dispatch(house, id, LISTS.distributors);
    const box = outbox(house);
    const tooBig = { state: 'failed', reason: 'too-large', response: '552 5.3.4 too big' } as const;
    box.answers = ({ to }) => (to === alpha.address ? tooBig : { state: 'delivered', response: '250' });
    await box.drain();
    await sendNotice(as(house, house.team[0]), id, 'second-notice', { text: null, list: null });
    box.answers = () => ({ state: 'delivered', response: '250' });
    await box.drain();
    const seen = await exposure.ofMember(house.db, await memberOf(house, alpha));
    expect(seen.map(({ delivery }) => delivery).sort()).toEqual(['delivered', 'failed']);
    const whose = (await exposure.ofCase(house.db, id)).map(({ address }) => address);
    expect(whose).toEqual(expect.arrayContaining([alpha.address, beta.address]));
  });

  test('what was distributed to a member and is not public is his exposure', async () => {
    const { id } = (await members.byOrganisation(house.db, 'Alpha')) as Member;
    expect(await exposure.ofMember(house.db, id)).toEqual([]);
    const armed = await arm(house, await scheduled(house));
    await dispatch(house, armed.id, LISTS.distributors);
    const exposed = await exposure.ofMember(house.db, id);
    expect(exposed).toMatchObject([{ caseId: armed.id, state: 'armed', address: house.members[0].address, delivery: 'queued' }]);
    await outbox(house).drain();
    expect(await exposure.ofMember(house.db, id)).toMatchObject([{ delivery: 'delivered' }]);
    house.clock.moveTo(armed.release_at ?? 0);
    await release(house, armed.id);
    expect(await exposure.ofMember(house.db, id)).toEqual([]);
  });
});
