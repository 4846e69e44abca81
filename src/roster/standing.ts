import * as certificates from '../store/certificates.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import * as recipients from '../store/recipients.ts';
import type { Standing } from './plan.ts';

/** The roster as it is, for the rules that say what may be added to it. */
export async function standingOf(db: Db): Promise<Standing> {
  return {
    lists: await lists.all(db),
    members: await members.all(db),
    keys: await certificates.heldKeys(db),
    external: await recipients.externalAddresses(db),
  };
}
