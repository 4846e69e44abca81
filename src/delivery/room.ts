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
  /** Octets that are kept. */
  reserve: number;
}

/** Throws Refusal `storage-unavailable` where no mail is to be taken. */
export function mustHaveRoom(room: Room): void {
  if (isScarce(room)) throw new Refusal('storage-unavailable', undefined, 'the disk of the database is nearly full');
}

function isScarce({ free, reserve }: Room): boolean {
  const octets = free();
  return octets !== null && octets < reserve;
}

/** Tells the team when mail is refused for it, once until there is room again. */
export function roomWatch(seams: Seams, room: Room, log: Log): () => Promise<boolean> {
  const { reserve } = room;
  let told = false;
  return async () => {
    const scarce = isScarce(room);
    if (scarce === told) return false;
    if (!scarce) {
      log.warn('the disk of the database has room again, and mail is taken');
      told = false;
      return false;
    }
    log.error({ free: room.free(), reserve }, 'the disk of the database is nearly full: mail is refused until there is room');
    const notice = await prepareNotice(seams, diskFull({ reserve }), 'alert');
    await seams.db.transaction().execute(async (trx) => {
      await tellTeam(trx, seams, notice);
      await record(trx, seams, { action: 'storage.scarce', subject: 'storage:database', detail: { reserve } });
    });
    told = true;
    return true;
  };
}
