import { record } from '../../src/audit/record.ts';
import type { House } from './house.ts';

/** So many applications as are told to the team without being taken. */
export async function applied(house: House, many: number): Promise<void> {
  const deed = { action: 'member.apply-known', subject: 'list:security', detail: {} };
  await house.db.transaction().execute((trx) => record(trx, house, ...Array<typeof deed>(many).fill(deed)));
}
