import { expect, test } from 'vitest';
import { DAY, HOUR, newToken } from '../../src/clock.ts';
import { type Account, confirmIdentity, forgetIdentities, forgetSignIns, signIn } from '../../src/roster/sign-in.ts';
import * as identities from '../../src/store/identities.ts';
import * as tokens from '../../src/store/tokens.ts';
import { scheduled } from '../embargo/armed.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing } from '../support/house.ts';

const ISSUER = 'https://id.orbit.example';
const RULES = { hours: 8, admins: [] };
const account = (subject: string, address: string | null = `${subject}@orbit.example`): Account => ({
  issuer: ISSUER,
  subject,
  address,
});

eachEngine((engine) => {
  const build = housing();
  const start = async () => build((await engine.open()).db);
  const begin = (house: House, of: Account) => signIn(house, of, newToken(), RULES);

  async function confirmed(house: House, of: Account): Promise<void> {
    await expect(begin(house, of)).rejects.toMatchObject({ reason: 'identity-unconfirmed' });
    await confirmIdentity(house, of.address ?? '', of);
  }

  test('a sign-in counts once, also when its answer comes twice at the same time', async () => {
    const house = await start();
    await confirmed(house, account('dirk'));
    const once = () => signIn(house, account('dirk'), 'the same', RULES);
    const ends = await Promise.allSettled([once(), once(), once()]);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ reason: 'conflict' });
    await expect(once()).rejects.toMatchObject({ reason: 'conflict', hint: /finished already/ });
    expect((await tokens.all(house.db)).filter(({ sign_in }) => sign_in !== null)).toHaveLength(1);
  });

  test('what is signed in while the account is taken from its person does not outlive that', async () => {
    const house = await start();
    for (let round = 0; round < 5; round++) {
      await confirmed(house, account('dirk'));
      const [end] = await Promise.allSettled([begin(house, account('dirk')), forgetIdentities(house, 'dirk@orbit.example')]);
      if (end?.status === 'rejected') expect(end.reason).toMatchObject({ reason: 'identity-unconfirmed' });
      const live = (await tokens.all(house.db)).filter(({ revoked_at }) => revoked_at === null);
      expect(live).toEqual([]);
      // Whichever came first, the account waits again or is gone.
      expect((await identities.all(house.db)).filter(({ confirmed_at }) => confirmed_at !== null)).toEqual([]);
    }
  });

  test('a person has one account, also when two are confirmed at once', async () => {
    const house = await start();
    for (const subject of ['one', 'two'])
      await expect(begin(house, account(subject, 'dirk@orbit.example'))).rejects.toMatchObject({
        reason: 'identity-unconfirmed',
      });
    const confirm = (subject: string) => confirmIdentity(house, 'dirk@orbit.example', { issuer: ISSUER, subject });
    await Promise.allSettled([confirm('one'), confirm('two')]);
    expect((await identities.all(house.db)).filter(({ confirmed_at }) => confirmed_at !== null)).toHaveLength(1);
  });

  test('an account of another provider is another account, whatever its subject', async () => {
    const house = await start();
    await confirmed(house, account('dirk'));
    const other = { ...account('dirk'), issuer: 'https://other.example' };
    await expect(begin(house, other)).rejects.toMatchObject({ reason: 'identity-unconfirmed' });
  });

  test('the subject is given to the admin so that a shell takes it as it is', async () => {
    const house = await start();
    const of = account("o'dirk $(id)", 'Dirk@Orbit.example');
    await expect(begin(house, of)).rejects.toMatchObject({
      hint: expect.stringMatching(/curfew identity confirm dirk@orbit\.example 'o'\\''dirk \$\(id\)'$/),
    });
  });

  test('tokens of sign-ins are forgotten a month after their end, but for those that approved', async () => {
    const house = await start();
    await confirmed(house, account('dirk'));
    const [plain, approving] = [await begin(house, account('dirk')), await begin(house, account('dirk'))];
    const made = await house.token('team', 'dirk@orbit.example');
    const { id: case_id, bundle_hash, draft_post_id: post_id } = await scheduled(house);
    const approval = { case_id, hash: bundle_hash ?? '', approved_at: house.clock.now() };
    const byMail = { ...approval, person_id: house.team[2].contactId, token_id: null, post_id };
    const byToken = { ...approval, person_id: house.team[1].contactId, token_id: approving.id, post_id: null };
    await house.db.insertInto('approvals').values([byMail, byToken]).execute();
    const listed = async () => (await tokens.all(house.db)).map(({ id }) => id);
    house.clock.moveTo(house.clock.now() + 8 * HOUR + 30 * DAY);
    await forgetSignIns(house);
    expect(await listed()).toContain(plain.id);
    house.clock.moveTo(house.clock.now() + 1);
    await forgetSignIns(house);
    expect(await listed()).not.toContain(plain.id);
    expect(await listed()).toContain(approving.id);
    expect(made).toMatch(/^curfew_/);
    expect(await listed()).toHaveLength(2);
  });
});
