import { type TSchema, Type } from 'typebox';
import { Refusal } from '../refusal.ts';

const DEFAULT = 50;
const MOST = 200;

/** The query of everything that comes in pages. */
export const paging = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST, default: DEFAULT, description: `a whole number, 1 to ${MOST}` }),
  ),
  cursor: Type.Optional(Type.String({ pattern: '^[!-~]{1,400}$', description: '`next` of the page before' })),
};
export const Paging = Type.Object(paging, { additionalProperties: false });

export interface PageQuery {
  limit?: number;
  cursor?: string;
}

export interface Page<Item> {
  items: Item[];
  /** Null on the last page. */
  next: string | null;
}

export const PageOf = <Item extends TSchema>(item: Item) =>
  Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], { description: 'the cursor of the next page; null on the last one' }),
  });

/** Reads one row more than the page has, to know whether there is a next one. `before` is the cursor. */
export async function readPage<Row extends { id: string }>(
  { limit = DEFAULT, cursor }: PageQuery,
  read: (of: { limit: number; before?: string }) => Promise<Row[]>,
): Promise<Page<Row>> {
  const rows = await read({ limit: limit + 1, ...(cursor === undefined ? {} : { before: cursor }) });
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}

/** A page of what is in memory as a whole, in the order of `key`, which tells the items apart. */
export function pageOf<Item>(
  all: readonly Item[],
  { limit = DEFAULT, cursor }: PageQuery,
  key: (item: Item) => string,
): Page<Item> {
  const after = cursor === undefined ? '' : decode(cursor);
  const rest = all.filter((item) => key(item) > after).sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rest.length > limit && last !== undefined ? Buffer.from(key(last)).toString('base64url') : null };
}

function decode(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (Buffer.from(key).toString('base64url') !== cursor) throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return key;
}
