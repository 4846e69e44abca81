import { Refusal } from '../refusal.ts';
import type { Compare } from './recognise.ts';
import type { Recogniser } from './recogniser.ts';

/*
 * Holds a few words against all that is under embargo in one case. Whoever wrote of the case chose how much that is: so it is done in a
 * thread, which is not the one that mail is looked through in, with one piece in hand at a time, and one comparison after the other.
 */

/** `recogniser`: nobody else's. It has forgotten everything when an answer is there. */
export function createComparison(recogniser: Recogniser): Compare {
  const compare: Compare = async (mail, { pieces, known }) => {
    await recogniser.know(known);
    try {
      for await (const piece of pieces) await recogniser.learn(piece);
      // Lost between two of them, it would know the later ones alone.
      if (recogniser.isEmpty()) throw new Refusal('busy', undefined, 'the recogniser was lost');
      return await recogniser.look([mail]);
    } finally {
      if (!recogniser.isEmpty()) await recogniser.know([]);
    }
  };
  let last: Promise<unknown> = Promise.resolve();
  return (...given) => {
    const next = last.then(() => compare(...given));
    last = next.catch(() => undefined);
    return next;
  };
}
