// Owns reading a table page by page in the order in which its records end, so that a large one is no burden.
import type { Database, Row, Table, Value } from '../../../core/api';

export interface Reading {
  readonly table: Table;
  /** Each row holds `expires` and then these. */
  readonly columns: readonly string[];
  /** Of those that end later than this, in unix s. */
  readonly after: number;
  /** Columns that have to have these values. */
  readonly where?: Readonly<Record<string, Value>>;
  /** Rows read at a time; more when so many end in one second. */
  readonly page: number;
}

/** A page never has more, so that a second in which everything ends cannot fill the memory. */
const largestPage = 320_000;

/**
 * Reads records that have not ended, in pages. No second is divided between two pages: the end of the last row of a page is the
 * `after` of the next. @throws DatabaseUnavailable
 */
export async function* pagesOf(database: Database, reading: Reading): AsyncGenerator<readonly Row[]> {
  const { table, columns, page, where } = reading;
  let from = reading.after;
  let limit = page;
  for (;;) {
    const [rows = []] = await database.select([
      {
        table,
        where: { ...where, expires: { above: from } },
        orderBy: 'expires',
        limit,
        columns: ['expires', ...columns],
      },
    ]);
    if (rows.length < limit) {
      if (rows.length > 0) yield rows;
      return;
    }
    const last = Number(rows.at(-1)?.[0]);
    // Of the last second of a full page there may be more: it is the first of the next one.
    const whole = limit >= largestPage ? rows : rows.filter(([expires]) => Number(expires) < last);
    if (whole.length === 0) {
      limit *= 4;
      continue;
    }
    yield whole;
    limit = page;
    from = Number(whole.at(-1)?.[0]);
  }
}
