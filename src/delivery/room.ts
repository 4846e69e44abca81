import { record } from '../audit/record.ts';
import type { Log } from '../log.ts';
import { diskFull } from '../notices/templates.ts';
import { Refusal } from '../refusal.ts';
import { prepareNotice, tellTeam } from '../roster/tell.ts';
import type { Seams } from '../seams.ts';

/**
 * The room where the database grows. Of that some is kept for what cannot wait: releases, the log, the state of what goes out. Mail that comes in
 * waits at its senders then.
 */
export interface Room {
  /** Octets; null: it is on a server of its own. */
  free(): number | null;
  /** Throws Refusal `storage-unavailable` where no mail is to be taken. */
  mustHave(): void;
}

/** `reserve`: octets that are kept. */
export function createRoom(free: Room['free'], reserve: number): Room {
  return {
    free,
    mustHave() {
      if (isScarce(free, reserve)) throw new Refusal('storage-unavailable', undefined, 'the disk of the database is nearly full');
    },
  };
}

function isScarce(free: Room['free'], reserve: number): boolean {
  const octets = free();
  return octets !== null && octets < reserve;
}

/** Tells the team when mail is refused for it, once until there is room again. */
export function roomWatch(seams: Seams, { free }: Pick<Room, 'free'>, reserve: number, log: Log): () => Promise<boolean> {
  let told = false;
  return async () => {
    const scarce = isScarce(free, reserve);
    if (scarce === told) return false;
    if (!scarce) {
      log.warn('the disk of the database has room again, and mail is taken');
      told = false;
      return false;
    }
    log.error({ free: free(), reserve }, 'the disk of the database is nearly full: mail is refused until there is room');
    const notice = await prepareNotice(seams, diskFull({ reserve }), 'alert');
    await seams.db.transaction().execute(async (trx) => {
      await tellTeam(trx, seams, notice);
      await record(trx, seams, { action: 'storage.scarce', subject: 'storage:database', detail: { reserve } });
    });
    told = true;
    return true;
  };
}
