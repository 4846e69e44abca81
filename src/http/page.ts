import { type TSchema, Type } from 'typebox';
import { Refusal } from '../refusal.ts';

const DEFAULT = 50;
const MOST = 200;

/** The query of everything that comes in pages. */
export const paging = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST, default: DEFAULT, description: `a whole number, 1 to ${MOST}` }),
  ),
  cursor: Type.Optional(Type.String({ pattern: '^[!-~]{1,1100}$', description: '`next` of the page before' })),
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

/** As `readPage`, in the order of `key`, which tells the rows apart: `after` is that of the last row of the page before. */
export async function readPageBy<Row>(
  { limit = DEFAULT, cursor }: PageQuery,
  read: (of: { limit: number; after?: string }) => Promise<Row[]>,
  key: (row: Row) => string,
): Promise<Page<Row>> {
  const rows = await read({ limit: limit + 1, ...(cursor === undefined ? {} : { after: decode(cursor) }) });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? Buffer.from(key(last)).toString('base64url') : null };
}

function decode(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  // PostgreSQL has no text with a NUL.
  if (Buffer.from(key).toString('base64url') !== cursor || key.includes('\0'))
    throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return key;
}
