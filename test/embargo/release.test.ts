import { beforeEach, describe, expect, test } from 'vitest';
import { MINUTE } from '../../src/clock.ts';
import { sha256 } from '../../src/embargo/bundle.ts';
import { patchEntity, recordedHash } from '../../src/embargo/contents.ts';
import { dispatch } from '../../src/embargo/dispatch.ts';
import { release } from '../../src/embargo/release.ts';
import { decodedBody, entityText, fileName, leaves, parseEntity } from '../../src/mail/message.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import * as cases from '../../src/store/cases.ts';
import * as lists from '../../src/store/lists.ts';
import * as posts from '../../src/store/posts.ts';
import type { Case } from '../../src/store/schema.ts';
import { headerOf, outbox, type Sent } from '../delivery/outbox.ts';
import { arrive, letterOf, listCertificate } from '../post/arrive.ts';
import { clearMail, signedMail } from '../support/compose.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';
import { makeParty, openCopy } from '../support/party.ts';
import { unguarded } from '../support/unguarded.ts';
import { arm, armed, caseOf, OUTSIDE, PATCH, PUBLIC, READER, reasonOf, scheduled, subscribe } from './armed.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let about: Case;
  let releaseAt: number;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    await subscribe(house);
    about = await armed(house);
    releaseAt = about.release_at ?? 0;
    await outbox(house).drain();
  });

  const publish = () => release(house, about.id);
  const publicCopies = async () =>
    (await house.db.selectFrom('deliveries').select('address').where('audience', '=', 'public').orderBy('address').execute()).map(
      ({ address }) => address,
    );
  const find = (sent: readonly Sent[], to: string) => {
    const mails = sent.filter((mail) => mail.to === to);
    if (mails.length !== 1 || !mails[0]) throw new Error(`${mails.length} mails to ${to}`);
    return mails[0];
  };

  test('a millisecond early it is refused with the instant, and nothing is written', async () => {
    house.clock.moveTo(releaseAt - 1);
    await expect(publish()).rejects.toMatchObject({
      reason: 'not-released',
      hint: 'The release instant is 2026-09-22T17:00:00.000Z',
    });
    expect(await caseOf(house, about.id)).toEqual(about);
    expect(await publicCopies()).toEqual([]);
  });

  test('a case that two people did not approve is refused, however late it is', async () => {
    const { id } = await scheduled(house);
    house.clock.moveTo(releaseAt + MINUTE);
    expect(await reasonOf(release(house, id))).toBe('not-approved');
    expect(await reasonOf(release(house, await house.report({ text: 'Fresh.\n' })))).toBe('not-approved');
    expect(await reasonOf(release(house, 'ORBIT-2026-9999'))).toBe('not-found');
    expect(await publicCopies()).toEqual([]);
  });

  test('at the instant the public, the reporter and who had the patch are each told once, in that order', async () => {
    await dispatch(house, about.id, LISTS.distributors);
    await outbox(house).drain();
    house.clock.moveTo(releaseAt);
    expect(await publish()).toEqual(await caseOf(house, about.id));
    expect(await caseOf(house, about.id)).toMatchObject({
      state: 'released',
      released_at: releaseAt,
      revision: about.revision + 2,
    });
    const addresses = (await outbox(house).drain()).map(({ to }) => to);
    expect(addresses.slice(0, 3)).toEqual([READER, OUTSIDE, 'rita@example.org']);
    expect(addresses.slice(3).sort()).toEqual(house.members.map(({ address }) => address));
  });

  test('an external address that is on two of its lists gets it once, and a subscriber of both that of each', async () => {
    const { fingerprint = '' } = (await lists.byAddress(house.db, LISTS.announce)) ?? {};
    const second = { id: 'second', address: 'enterprise@orbit.example', role: 'public', name: 'second' } as const;
    await lists.insert(house.db, { ...second, fingerprint, created_at: house.clock.now() });
    await addRecipient(house, { list: second.address, address: OUTSIDE, kind: 'external' });
    await addRecipient(house, { list: second.address, address: READER, kind: 'subscriber' });
    const { id } = await armed(house, releaseAt);
    await outbox(house).drain();
    house.clock.moveTo(releaseAt);
    await release(house, id);
    expect(await publicCopies()).toEqual([OUTSIDE, READER, READER]);
  });

  test('the public gets the text and the patch byte for byte, signed by the list, and the reporter and members sealed words', async () => {
    const rita = await makeParty('rita@example.org');
    const data = Buffer.from(rita.public);
    const letter = letterOf(house, rita, { attachments: [{ name: 'key.asc', type: 'application/pgp-keys', data }] });
    const { caseId } = await arrive(house, await signedMail(letter, rita));
    about = await armed(house, releaseAt, caseId ?? '');
    await dispatch(house, about.id, LISTS.distributors);
    await outbox(house).drain();
    house.clock.moveTo(releaseAt);
    await publish();
    const sent = await outbox(house).drain();
    for (const [address, subject] of [
      [READER, PUBLIC.subject],
      [OUTSIDE, '[orbit] CVE-2026-99001: overflow in the frobnicator'],
    ] as const) {
      const { raw } = find(sent, address);
      const [text, file] = leaves(parseEntity(raw));
      if (!text || !file) throw new Error('a text and a patch');
      expect(headerOf(raw)).toContain(`Subject: ${subject}\r\n`);
      expect(entityText(text).trim()).toBe(PUBLIC.text.trim());
      expect([fileName(file), Buffer.from(decodedBody(file))]).toEqual([PATCH.name, PATCH.bytes]);
    }
    const alpha = house.members[0];
    const at = house.clock.now();
    const toReporter = await openCopy(find(sent, rita.address).raw, rita, listCertificate(house, LISTS.security), at);
    expect(toReporter.entity.toString()).toContain('Your report is public');
    const toMember = await openCopy(find(sent, alpha.address).raw, alpha, listCertificate(house, LISTS.distributors), at);
    expect(toMember.entity.toString()).toContain('Embargo lifted');
  });

  test('a reporter without a certificate is told in words that name no case', async () => {
    const rita = await makeParty('rita@example.org');
    const { caseId } = await arrive(house, clearMail(letterOf(house, rita)), { sender: 'plain@example.org' });
    const next = await armed(house, releaseAt, caseId ?? '');
    await outbox(house).drain();
    house.clock.moveTo(releaseAt);
    await release(house, next.id);
    const { raw, from } = find(await outbox(house).drain(), 'plain@example.org');
    expect(from).toBeNull();
    for (const word of [next.id, 'Frobnicator', 'report', 'embargo']) expect(raw.toString()).not.toContain(word);
  });

  test('a case from before the names of patches were approved is released as it was approved', async () => {
    const older = await scheduled(house, releaseAt);
    await house.db.updateTable('patches').set({ digest: null }).where('case_id', '=', older.id).execute();
    const hash = await recordedHash(house.db, older);
    expect(hash).not.toBe(older.bundle_hash);
    await house.db.updateTable('cases').set({ bundle_hash: hash }).where('id', '=', older.id).execute();
    await arm(house, { id: older.id, bundle_hash: hash });
    house.clock.moveTo(releaseAt);
    expect(await release(house, older.id)).toMatchObject({ state: 'released' });
  });

  test('the digest of the public post is written down with it', async () => {
    house.clock.moveTo(releaseAt);
    const { public_post_id, public_digest, external_post_id, external_digest } = await publish();
    expect(await posts.factsById(house.db, external_post_id ?? '')).toMatchObject({ digest: external_digest, kind: 'public' });
    expect(await posts.factsById(house.db, public_post_id ?? '')).toMatchObject({ digest: public_digest });
    expect(public_digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test('raced by many it happens once, and the others are told so', async () => {
    house.clock.moveTo(releaseAt);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => reasonOf(publish())));
    expect(answers.filter((answer) => answer === 'done')).toHaveLength(1);
    for (const answer of answers) expect(answer).toMatch(/^(done|stale|already-released)$/);
    expect(await publicCopies()).toEqual([OUTSIDE, READER]);
    expect(await reasonOf(publish())).toBe('already-released');
    const published = await house.db.selectFrom('posts').select('id').where('kind', '=', 'public').orderBy('id').execute();
    const { public_post_id, external_post_id } = await caseOf(house, about.id);
    expect(published.map(({ id }) => id)).toEqual([public_post_id, external_post_id].sort());
    expect(await house.db.selectFrom('advisories').select('case_id').execute()).toEqual([{ case_id: about.id }]);
  });

  describe('what is not what was approved is not published', () => {
    beforeEach(() => house.clock.moveTo(releaseAt));
    const refused = async () => {
      expect(await reasonOf(publish())).toBe('approval-voided');
      expect(await publicCopies()).toEqual([]);
      expect((await caseOf(house, about.id)).state).toBe('armed');
    };

    test('a patch whose sealed content was changed for another one in the database', async () => {
      const [patch] = await cases.patches(house.db, about.id);
      const { content } = await house.db
        .selectFrom('posts')
        .select('content')
        .where('id', '=', about.draft_post_id)
        .executeTakeFirstOrThrow();
      await house.db
        .updateTable('patches')
        .set({ content })
        .where('id', '=', patch?.id ?? '')
        .execute();
      await refused();
    });

    test('a text that was changed for that of another case', async () => {
      const other = await scheduled(house, releaseAt + MINUTE);
      const [patch] = await cases.patches(house.db, other.id);
      const content = patch?.content;
      await unguarded(house.db, (trx) =>
        trx.updateTable('posts').set({ content }).where('id', '=', about.draft_post_id).execute(),
      );
      await refused();
      await house.db.updateTable('cases').set({ draft_post_id: other.draft_post_id }).where('id', '=', about.id).execute();
      await refused();
    });

    test('a patch that was put in or taken out by hand', async () => {
      const other = await scheduled(house, releaseAt + MINUTE);
      await house.db.updateTable('patches').set({ case_id: about.id }).where('case_id', '=', other.id).execute();
      await refused();
      await house.db.updateTable('patches').set({ withdrawn_at: 1 }).where('case_id', '=', about.id).execute();
      await refused();
    });

    test('a patch that was renamed, its octets as they were', async () => {
      const key = house.keyring.all().find(({ address }) => address === LISTS.security);
      const entity = patchEntity('CVE-2026-99002.patch', PATCH.bytes);
      const content = await house.pgp.keep(entity, key?.certificate ?? new Uint8Array(), house.clock.now());
      for (const change of [{ content }, { content, digest: sha256(entity) }, { content, digest: null }]) {
        await house.db.updateTable('patches').set(change).where('case_id', '=', about.id).execute();
        await refused();
      }
    });

    test('a patch whose digest was taken away: it would count without its name', async () => {
      await house.db.updateTable('patches').set({ digest: null }).where('case_id', '=', about.id).execute();
      await refused();
    });

    test('sealed content that does not open', async () => {
      await house.db
        .updateTable('patches')
        .set({ content: Buffer.from('nonsense') })
        .execute();
      expect(await reasonOf(publish())).toBe('cannot-open');
      expect(await publicCopies()).toEqual([]);
    });
  });

  test('a public list that is gone holds the release back whole', async () => {
    house.clock.moveTo(releaseAt);
    await unguarded(house.db, (trx) =>
      trx.updateTable('lists').set({ address: 'renamed@orbit.example' }).where('id', '=', 'announce').execute(),
    );
    expect(await reasonOf(publish())).toBe('conflict');
    expect(await publicCopies()).toEqual([]);
    expect((await caseOf(house, about.id)).state).toBe('armed');
  });
});
