import type { Watched } from '../../src/embargo/recognise.ts';
import { createRecogniser, type Recogniser } from '../../src/embargo/recogniser.ts';
import { createWatched } from '../../src/embargo/watched.ts';
import type { Log } from '../../src/log.ts';
import type { IncidentKind } from '../../src/store/schema.ts';
import { silent } from '../delivery/outbox.ts';
import type { House } from './house.ts';

/** Its thread is that of every house of this process: it takes a while to start. */
let recogniser: Recogniser | undefined;

export interface Watching extends House {
  watched: Watched;
  /** Of the incidents so far. */
  noted: IncidentKind[];
}

/** The same house, which knows what is under embargo. */
export function watching(house: House, { log = silent, by }: { log?: Log; by?: Recogniser } = {}): Watching {
  recogniser ??= createRecogniser();
  const noted: IncidentKind[] = [];
  const watched = createWatched(house, by ?? recogniser, log, {
    noted: (kind) => void noted.push(kind),
    signal: new AbortController().signal,
  });
  return { ...house, watched, noted };
}
