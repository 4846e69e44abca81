/** How many certificates are under way at once: every thread has its next one waiting, and none waits long. */
const ABREAST = 32;

/** The results in the order of the items. */
export async function abreast<Item, Result>(items: readonly Item[], act: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const hand = async () => {
    for (const [at, item] of waiting) results[at] = await act(item);
  };
  await Promise.all(Array.from({ length: ABREAST }, hand));
  return results;
}
