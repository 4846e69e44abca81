/**
 * A mail that ends the process whenever it is read, and that its sender's server, or the queue, brings again after each start: it is counted
 * before it is read, put aside after three times, and keeps no other one waiting.
 */
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, inject, test } from 'vitest';
import { DAY } from '../../src/clock.ts';
import { acceptPost } from '../../src/post/moderate.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Seams } from '../../src/seams.ts';
import { openBegun } from '../../src/store/begun.ts';
import * as posts from '../../src/store/posts.ts';
import { outbox } from '../delivery/outbox.ts';
import { arrive, everything, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { as, type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy } from '../support/party.ts';

const WORDS = 'The frobnicator crashes';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let folder: string;
  let poison: Buffer;
  let good: Buffer;
  beforeEach(async () => {
    house = await build((await engine.open()).db);
    folder = mkdtempSync(join(inject('folder'), 'begun-'));
    const rita = await makeParty('rita@example.org');
    poison = clearMail(letterOf(house, rita, { text: WORDS }));
    good = clearMail(letterOf(house, rita, { text: 'Another one crashes as well' }));
  });

  /** As after a start: what ran before is gone with its process. */
  const started = (): House => ({ ...house, begun: openBegun(folder, Date.now()) });
  const endless = () => new Promise<never>(() => undefined);
  /** A process in which nothing that is opened comes to an end. */
  const dying = (): House => {
    const { pgp, ...rest } = started();
    return { ...rest, pgp: { ...pgp, open: endless, reopen: endless } };
  };
  const turn = () => new Promise((resolve) => setTimeout(resolve, 50));
  const begun = () => readdirSync(folder).length;
  /** How often all of it was begun. */
  const octets = () => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

  test('it is put aside sealed, as it came, for the people behind the list; others go on meanwhile', async () => {
    for (let life = 1; life <= 3; life++) {
      arrive(dying(), poison).catch(() => undefined);
      await turn();
      expect((await arrive(started(), good)).held).toBeNull();
      expect(begun()).toBe(1);
    }
    const { id, held, caseId } = await arrive(dying(), poison);
    expect([held, caseId, begun()]).toEqual(['poison', null, 0]);
    expect(await posts.factsById(house.db, id)).toMatchObject({ kind: 'owner', state: 'held', hold_reason: 'poison' });
    const copies = (await everything(house)).copies.filter(({ post_id }) => post_id === id);
    expect(copies).toHaveLength(house.team.length);
    const [lena] = house.team;
    const sent = await outbox(started()).drain();
    const opened = await Promise.all(
      sent
        .filter(({ to }) => to === lena.address)
        .map(({ raw }) => openCopy(raw, lena, listCertificate(house, LISTS.security), house.clock.now())),
    );
    const aside = opened.map(({ entity }) => entity.toString()).filter((text) => text.includes('original.eml'));
    expect(aside).toHaveLength(1);
    expect(aside[0]).not.toContain(WORDS);
    expect(aside[0]?.replaceAll(/\r\n/g, '')).toContain(poison.toString('base64').slice(0, 200));
    // Whoever accepts it does not have it read either.
    await acceptPost(as(dying(), lena), id, lena.contactId);
    // What reads it to its end, as a newer Curfew may, takes it for what it is.
    expect((await arrive(started(), poison)).caseId).not.toBeNull();
  });

  test('it is counted once in each life, however many connections bring it, and no more when it was read', async () => {
    const dead = dying();
    for (let times = 0; times < 5; times++) arrive(dead, poison).catch(() => undefined);
    await turn();
    const [first, again] = await Promise.all([arrive(started(), poison), arrive(house, poison)]);
    expect([first.held, again.held, begun()]).toEqual([null, null, 0]);
    await expect(arrive(started(), Buffer.from('Subject: none\r\n\r\nx'))).rejects.toBeInstanceOf(Refusal);
    expect(begun()).toBe(0);
    const dead2 = dying();
    arrive(dead2, good).catch(() => undefined);
    await turn();
    openBegun(folder, Date.now() + 8 * DAY);
    expect(begun()).toBe(0);
  });

  test('what is read beside it whenever the process ends is not put aside with it', async () => {
    for (let life = 1; life <= 3; life++) {
      const dead = dying();
      const before = octets();
      arrive(dead, poison).catch(() => undefined);
      await expect.poll(octets, { timeout: 10_000 }).toBe(before + 1);
      arrive(dead, good).catch(() => undefined);
      await turn();
    }
    expect((await arrive(started(), good)).held).toBeNull();
    expect((await arrive(dying(), poison)).held).toBe('poison');
  });

  test('of a post in the queue the copies are held and the team is told; others go out, and whoever sends it again has it tried', async () => {
    const { id } = await arrive(house, poison);
    const other = await arrive(house, good);
    const due = () =>
      house.db.updateTable('deliveries').set({ state: 'queued', lease: null }).where('state', '=', 'leased').execute();
    for (let life = 1; life <= 3; life++) {
      const { pgp } = house;
      const kept = (await posts.byId(house.db, id))?.content ?? Buffer.alloc(0);
      const reading = new Promise<void>((resolve) => {
        const reopen: Seams['pgp']['reopen'] = (content, ...secrets) => {
          if (Buffer.compare(content, kept) !== 0) return pgp.reopen(content, ...secrets);
          resolve();
          return endless();
        };
        outbox({ ...started(), pgp: { ...pgp, reopen } })
          .drain()
          .catch(() => undefined);
      });
      await reading;
      await due();
    }
    const box = outbox(started());
    await box.drain();
    const statesOf = async (post: string) =>
      (await everything(house)).copies
        .filter(({ post_id, audience }) => post_id === post && audience === 'contact')
        .map(({ state, reason }) => `${state} ${reason}`);
    expect(await statesOf(other.id)).toEqual(house.team.map(() => 'delivered null'));
    expect(await statesOf(id)).toEqual(house.team.map(() => 'held cannot-open'));
    await house.db.updateTable('deliveries').set({ state: 'queued' }).where('post_id', '=', id).execute();
    expect(await box.drain()).toHaveLength(house.team.length);
    expect(begun()).toBe(0);
  });
});
