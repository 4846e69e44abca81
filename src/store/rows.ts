/** SQLite takes 32,766 values in a statement; a row of what is written in bulk has ten at most. */
const MOST_ROWS = 1000;

/** Some rows at a time, as many as one statement takes. */
export function* portions<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let from = 0; from < rows.length; from += MOST_ROWS) yield rows.slice(from, from + MOST_ROWS);
}

/** What a page takes: so many rows, after the one with that key. */
export interface PageOf {
  limit: number;
  after?: string;
}
