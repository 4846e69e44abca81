import { beforeEach, describe, expect, test } from 'vitest';
import { copyFor } from '../../src/delivery/copies.ts';
import { threadAddress } from '../../src/mail/address.ts';
import { parseMessage } from '../../src/mail/message.ts';
import { type Destination, destination, followReferences } from '../../src/post/destination.ts';
import { envelopeAddress } from '../../src/smtp/address.ts';
import * as cases from '../../src/store/cases.ts';
import * as deliveries from '../../src/store/deliveries.ts';
import * as lists from '../../src/store/lists.ts';
import { eachEngine } from '../support/dialects.ts';
import { type House, housing, LISTS } from '../support/house.ts';

eachEngine((engine) => {
  const build = housing();
  let house: House;
  let caseId: string;
  let token: string;

  beforeEach(async () => {
    house = await build((await engine.open()).db);
    caseId = await house.report();
    token = (await cases.byId(house.db, caseId))?.thread_token ?? '';
  });

  const lookUp = (address: string) => destination(house.db, 'orbit.example', address);
  const seen = async (address: string) => {
    const { list, purpose, case: about } = await lookUp(address);
    return [list.id, purpose, about?.id ?? null];
  };

  describe('an address leads', () => {
    test.each([
      ['security@orbit.example', ['security', 'post', null]],
      ['SECURITY@ORBIT.Example', ['security', 'post', null]],
      ['distributors@orbit.example', ['distributors', 'post', null]],
      ['security-owner@orbit.example', ['security', 'owner', null]],
      ['Distributors-Request@orbit.example', ['distributors', 'request', null]],
      ['announce-owner@orbit.example', ['announce', 'owner', null]],
      ['announce-request@orbit.example', ['announce', 'request', null]],
      ['postmaster@orbit.example', ['security', 'owner', null]],
      ['PostMaster@orbit.example', ['security', 'owner', null]],
    ])('%s to its list and purpose', async (address, expected) => {
      expect(await seen(address)).toEqual(expected);
    });

    test('into the thread of a case, through the intake list and a private one, in any case', async () => {
      expect(await seen(`security+${caseId}.${token}@orbit.example`)).toEqual(['security', 'thread', caseId]);
      expect(await seen(`Security+${caseId.toLowerCase()}.${token.toUpperCase()}@Orbit.example`)).toEqual([
        'security',
        'thread',
        caseId,
      ]);
      expect(await seen(`distributors+${caseId}.${token}@orbit.example`)).toEqual(['distributors', 'thread', caseId]);
    });

    test('into the thread of a case by the longest names of list and project, and every server takes it (RFC 5321 §4.5.3.1.1)', async () => {
      const { db, identity } = house;
      const deep = {
        id: 'deep',
        address: 'twenty-letters-in-it@orbit.example',
        role: 'private',
        name: 'd',
        fingerprint: 'F',
      } as const;
      await lists.insert(db, { ...deep, created_at: 1 });
      identity.project = `p${'-q'.repeat(15)}`;
      const id = await house.report({ text: 'Another.\n' });
      const itsToken = (await cases.byId(db, id))?.thread_token ?? '';
      const address = threadAddress(deep.address, id, itsToken);
      expect(envelopeAddress(address)).toBe(address);
      expect(await seen(address)).toEqual(['deep', 'thread', id]);
      const late = threadAddress(deep.address, id.replace(/\d+$/, '1234567'), itsToken);
      expect(envelopeAddress(late)).toBe(late);
      expect(await seen(`twenty-letters-in-it+${id}.${itsToken}@orbit.example`)).toEqual(['deep', 'thread', id]);
    });

    test('to a list of its own where one has the name of a role address', async () => {
      const { db } = house;
      const owners = {
        id: 'own',
        address: 'security-owner@orbit.example',
        role: 'private',
        name: 'o',
        fingerprint: 'F',
      } as const;
      await lists.insert(db, { ...owners, created_at: 1 });
      expect(await seen('security-owner@orbit.example')).toEqual(['own', 'post', null]);
      expect(await seen('security-owner-owner@orbit.example')).toEqual(['own', 'owner', null]);
    });
  });

  describe('an address is refused', () => {
    test.each([
      ['security@other.example', 'relay-denied'],
      ['postmaster@other.example', 'relay-denied'],
      ['security@orbit.example.other.example', 'relay-denied'],
      ['security@orbit.example@other.example', 'relay-denied'],
      ['nobody@orbit.example', 'no-such-address'],
      ['nobody-owner@orbit.example', 'no-such-address'],
      ['security+@orbit.example', 'no-such-address'],
      ['security+ORBIT-2026-0001@orbit.example', 'no-such-address'],
      ['@orbit.example', 'no-such-address'],
      ['announce@orbit.example', 'not-released'],
      ['ANNOUNCE@orbit.example', 'not-released'],
    ])('%s: %s', async (address, reason) => {
      await expect(lookUp(address)).rejects.toMatchObject({ reason });
    });

    test('with a wrong token, of another case or of a public list, as if the case were not there', async () => {
      const other = await house.report({ text: 'Another.\n' });
      for (const local of [`security+${caseId}.wrong`, `security+${other}.${token}`, `announce+${caseId}.${token}`])
        await expect(lookUp(`${local}@orbit.example`)).rejects.toMatchObject({ reason: 'no-such-address' });
    });
  });

  describe('an answer to one of our copies', () => {
    const follow = (to: Destination, ...fields: string[]) =>
      followReferences(house.db, to, parseMessage(Buffer.from(`${[...fields, 'From: a@b.example', '', 'x'].join('\r\n')}\r\n`)));

    const messageId = async () => {
      const [copy] = await deliveries.page(house.db, { limit: 1, caseId, audience: 'contact' });
      return copy?.message_id ?? '';
    };

    test('goes to its case by In-Reply-To, and by References with others before it', async () => {
      const to = await lookUp(LISTS.security);
      const id = await messageId();
      expect(await follow(to, `In-Reply-To: ${id}`)).toMatchObject({ purpose: 'thread', case: { id: caseId } });
      expect(await follow(to, `References: <a@x> <b@x>\r\n ${id}`)).toMatchObject({ purpose: 'thread', case: { id: caseId } });
    });

    test('opens no thread on another list, in a mail to its owner, or where nobody knows the copy', async () => {
      const id = await messageId();
      expect(await follow(await lookUp(LISTS.distributors), `In-Reply-To: ${id}`)).toMatchObject({ purpose: 'post', case: null });
      const owner = await lookUp('security-owner@orbit.example');
      expect(await follow(owner, `In-Reply-To: ${id}`)).toMatchObject({ purpose: 'owner', case: null });
      const to = await lookUp(LISTS.security);
      expect(await follow(to, 'In-Reply-To: <unknown@orbit.example>')).toBe(to);
      expect(await follow(to, `References: ${'<x@y> '.repeat(20)} ${id}`)).toBe(to);
    });

    test('that belongs to no case stays a post', async () => {
      const { db, clock, team } = house;
      const list = await lists.byId(db, 'security');
      const [copy] = await deliveries.page(db, { limit: 1, caseId });
      if (!list || !copy) throw new Error('the house has no report');
      const alert = copyFor(
        clock,
        { id: copy.post_id, case_id: null, list },
        { audience: 'contact', address: team[0].address, contactId: team[0].contactId },
      );
      await deliveries.insertMany(db, [alert]);
      const to = await lookUp(LISTS.security);
      expect(await follow(to, `In-Reply-To: ${alert.message_id}`)).toBe(to);
    });
  });
});
