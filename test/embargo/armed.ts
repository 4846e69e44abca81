import { describe } from '../../src/cases/describe.ts';
import type { Details } from '../../src/cases/details.ts';
import { HOUR, type Instant } from '../../src/clock.ts';
import { type Approver, approve } from '../../src/embargo/approve.ts';
import { addPatch, schedule } from '../../src/embargo/schedule.ts';
import { addRecipient } from '../../src/roster/recipients.ts';
import { hashToken } from '../../src/roster/tokens.ts';
import * as cases from '../../src/store/cases.ts';
import type { Case } from '../../src/store/schema.ts';
import { type House, LISTS, type Person } from '../support/house.ts';

export const PUBLIC = { subject: 'Frobnicator: overflow', text: 'Update now.\n' };
/** All that distributors need to know. */
export const KNOWN: Partial<Details> = {
  title: 'overflow in the frobnicator',
  summary: 'Whoever sends a long line runs what he likes.',
  cve: 'CVE-2026-99001',
  cvss: 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H',
  affected: [{ product: 'orbit', component: 'frobnicator', versions: [{ introduced: '1.2', fixed: '1.2.9' }] }],
  permissions: { binaries: false, services: false, restriction: null },
};
export const PATCH = { name: 'fix.patch', bytes: Buffer.from('--- a/x\n+++ b/x\r\n@@ \x00\xff @@\n', 'latin1') };

/** A token of the person's own. */
export async function actor(house: House, person: Person): Promise<Approver> {
  const hash = hashToken(await house.token('team', person.address));
  const token = await house.db
    .selectFrom('tokens')
    .select(['id', 'person_id'])
    .where('hash', '=', hash)
    .executeTakeFirstOrThrow();
  return { tokenId: token.id, personId: token.person_id };
}

export async function caseOf({ db }: House, id: string): Promise<Case> {
  const found = await cases.byId(db, id);
  if (!found) throw new Error(`there is no case ${id}`);
  return found;
}

/** A reported case with a text and a patch, to be released in an hour unless told. */
export async function scheduled(house: House, releaseAt: Instant = house.clock.now() + HOUR, of?: string): Promise<Case> {
  const caseId = of ?? (await house.report());
  await describe(house, caseId, KNOWN);
  await addPatch(house, caseId, PATCH);
  return schedule(house, caseId, { releaseAt, ...PUBLIC });
}

/** Two of the team approve what stands there, or is proposed in its place. */
export async function arm(
  house: House,
  { id, bundle_hash, proposed_hash = null }: Pick<Case, 'id' | 'bundle_hash'> & Partial<Pick<Case, 'proposed_hash'>>,
  by?: Approver[],
): Promise<Case> {
  const [lena, dirk] = house.team;
  const actors = by ?? [await actor(house, lena), await actor(house, dirk)];
  for (const one of actors) await approve(house, id, proposed_hash ?? bundle_hash ?? '', one);
  return caseOf(house, id);
}

export async function armed(house: House, releaseAt?: Instant, of?: string): Promise<Case> {
  return arm(house, await scheduled(house, releaseAt, of));
}

export const READER = 'reader@example.org';
export const OUTSIDE = 'oss@public.example';

/** A subscriber and an external address on the public list. */
export async function subscribe(house: House): Promise<void> {
  await addRecipient(house, { list: LISTS.announce, address: READER, kind: 'subscriber' });
  await addRecipient(house, { list: LISTS.announce, address: OUTSIDE, kind: 'external' });
}

export async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: { reason?: string }) => error.reason ?? String(error),
  );
}
