/** For whoever asks the threads: every one of them has its next one waiting, and none waits long. */
export const FOR_ALL_THREADS = 32;
/** For whoever is in a thread: what more of them have in hand outlives what V8 collects quickly, and takes longer for each than one after the other. */
export const IN_A_THREAD = 4;

/** The results in the order of the items. So many are under way at once. Rejects with the first that fails. */
export async function abreast<Item, Result>(
  items: readonly Item[],
  most: number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const hand = async () => {
    for (const [at, item] of waiting) results[at] = await act(item);
  };
  await Promise.all(Array.from({ length: most }, hand));
  return results;
}
