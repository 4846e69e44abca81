import type { DeliveryState } from './schema.ts';

/** The states of a copy that a lane takes when it is due. */
export const WAITING = ['queued', 'deferred'] as const satisfies readonly DeliveryState[];
/** Those of a copy that goes out without anybody's doing. */
export const UNDER_WAY = [...WAITING, 'leased'] as const;
