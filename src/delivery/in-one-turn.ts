/**
 * Asks once for all who ask in the same turn of the event loop, when that is over: so the answer is of no moment before any of them asked. Rejects for all of
 * them where `ask` does.
 */
export function inOneTurn<Item, Answer>(ask: (items: readonly Item[]) => Promise<Answer>): (item: Item) => Promise<Answer> {
  let next: { items: Item[]; answer: Promise<Answer> } | null = null;
  const begin = () => {
    const items: Item[] = [];
    const turned = new Promise<void>((resolve) => void setImmediate(resolve));
    const answer = turned.then(() => {
      next = null;
      return ask(items);
    });
    return { items, answer };
  };
  return (item) => {
    next ??= begin();
    next.items.push(item);
    return next.answer;
  };
}
