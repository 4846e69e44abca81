/** At a time. What more of them have in hand outlives what V8 collects quickly, and takes longer for each than for all of them one after the other. */
const FEW = 4;

/** What `work` makes of each of them, in their order. Begins a few, and another one whenever one of those has ended. Rejects with the first that fails. */
export async function fewAtATime<Item, Made>(items: readonly Item[], work: (item: Item) => Promise<Made>): Promise<Made[]> {
  const all: Made[] = [];
  const left = items.entries();
  const lane = async () => {
    for (const [at, item] of left) all[at] = await work(item);
  };
  await Promise.all(Array.from({ length: FEW }, lane));
  return all;
}
