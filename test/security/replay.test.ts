/**
 * Replay: a signed mail sent again, as it was, under another Message-ID, sealed anew, to another list or to another case. It is
 * recognised by what was signed and when, and is never distributed a second time.
 */
import * as openpgp from 'openpgp';
import { beforeEach, expect, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { threadAddress } from '../../src/mail/address.ts';
import * as cases from '../../src/store/cases.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything, letterOf } from '../post/arrive.ts';
import { entity } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS, type Person } from '../support/house.ts';
import { encryptedPackets, head, mailOf, membersOf, pgpMime, readersOf, secretOf, teamOf } from './attack.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let alpha: Person;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    [alpha] = house.members;
  });

  /** What Alpha signed: whoever reads it can seal it anew. */
  async function statement(to: string = LISTS.distributors): Promise<Uint8Array> {
    const message = await openpgp.createMessage({ binary: Buffer.from(entity(letterOf(house, alpha, { to }), true)) });
    const date = new Date(house.clock.now());
    return (await openpgp.sign({ message, signingKeys: await secretOf(alpha), date, format: 'binary' })) as Uint8Array;
  }
  const sealed = async (said: Uint8Array, list: string = LISTS.distributors) =>
    mailOf(...head(alpha.address), ...pgpMime(await encryptedPackets(house, said, list)));
  const changed = (raw: Buffer, from: RegExp | string, to: string) =>
    Buffer.from(raw.toString('latin1').replace(from, to), 'latin1');

  const copies = async () => (await everything(house)).copies.length;

  test.each<[string, (raw: Buffer, said: Uint8Array) => Buffer | Promise<Buffer>]>([
    ['as it was', (raw) => raw],
    ['under another Message-ID', (raw) => changed(raw, /Message-ID: <[^>]*>/, 'Message-ID: <again@evil.example>')],
    ['under the same one, with other words in clear', (raw) => changed(raw, 'Subject: ...', 'Subject: new')],
    ['sealed anew', (_, said) => sealed(said)],
  ])('%s: said to be taken, as it was, and goes to nobody', async (_, again) => {
    const said = await statement();
    const raw = await sealed(said);
    const first = await arrive(house, raw, { to: LISTS.distributors });
    expect((await outbox(house).drain()).map(({ to }) => to).sort()).toEqual(membersOf(house));
    const before = await copies();
    house.clock.moveTo(house.clock.now() + 400 * DAY);
    const second = await arrive(house, await again(raw, said), { to: LISTS.distributors, sender: 'eve@evil.example' });
    expect(second).toMatchObject({ id: first.id });
    expect(await copies()).toBe(before);
    expect(await outbox(house).drain()).toEqual([]);
  });

  test('to another list: its readers do not get it, the team decides', async () => {
    const said = await statement(LISTS.security);
    await arrive(house, await sealed(said, LISTS.security));
    await outbox(house).drain();
    const again = await arrive(house, await sealed(said), { to: LISTS.distributors });
    expect(again.held).toBe('unaddressed');
    expect((await readersOf(house, again)).sort()).toEqual(teamOf(house));
  });

  test('what was signed for one case, to another case or to the list: the team decides', async () => {
    const [one, other] = [await house.report(), await house.report({ text: 'another\n' })];
    const thread = async (id: string) =>
      threadAddress(LISTS.distributors, id, (await cases.byId(house.db, id))?.thread_token ?? '');
    const said = await statement(await thread(one));
    expect(await arrive(house, await sealed(said), { to: await thread(one) })).toMatchObject({ held: null });
    await outbox(house).drain();
    for (const to of [await thread(other), LISTS.distributors]) {
      const again = await arrive(house, await sealed(said), { to });
      expect(again.held).toBe('unaddressed');
      expect((await readersOf(house, again)).sort()).toEqual(teamOf(house));
    }
    expect((await outbox(house).drain()).map(({ to }) => to).filter((to) => !teamOf(house).includes(to))).toEqual([]);
  });
});
