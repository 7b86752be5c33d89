// Owns reading a table page by page in the order of a name, so that a large one is no burden.
import type { Condition, Database, Row, Table } from '../../../core/api';

export interface Reading {
  readonly table: Table;
  /** A column of names, the first of an index. Each row holds it and then `columns`. */
  readonly by: string;
  readonly columns: readonly string[];
  /** Of those whose name comes later than this; undefined: from the first on. */
  readonly after: string | undefined;
  /** What else has to hold. */
  readonly where: Readonly<Record<string, Condition>>;
  /** Rows read at a time; more when so many have one name. */
  readonly page: number;
}

/** A page never has more, so that one name cannot fill the memory. */
const largestPage = 320_000;

/**
 * Reads in pages. No name is divided between two pages: that of the last row of a page is the `after` of the next.
 * @throws DatabaseUnavailable
 */
export async function* pagesOf(database: Database, reading: Reading): AsyncGenerator<readonly Row[]> {
  const { table, by, columns, page, where } = reading;
  let { after } = reading;
  let limit = page;
  for (;;) {
    const behind = after === undefined ? {} : { [by]: { above: after } };
    const [rows = []] = await database.select([
      { table, where: { ...where, ...behind }, orderBy: by, limit, columns: [by, ...columns] },
    ]);
    if (rows.length < limit) {
      if (rows.length > 0) yield rows;
      return;
    }
    const whole = limit >= largestPage ? rows : rows.slice(0, beginOfLast(rows));
    if (whole.length === 0) {
      limit *= 4;
      continue;
    }
    yield whole;
    limit = page;
    after = String(whole.at(-1)?.[0]);
  }
}

/**
 * Of the last name of a full page there may be more rows: they are the first of the next page. Kamailio's tables in MySQL do not
 * tell capitals and accents apart when they sort, so neither does this.
 */
function beginOfLast(rows: readonly Row[]): number {
  const last = String(rows.at(-1)?.[0]);
  let begin = rows.length;
  while (begin > 0 && sorter.compare(String(rows[begin - 1]?.[0]), last) === 0) begin--;
  return begin;
}

const sorter = new Intl.Collator('en', { sensitivity: 'base' });
