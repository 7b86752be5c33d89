// Owns reads as SQL: one statement per query, or one for many queries of one shape, with each row given back to its query.
import {
  type Condition,
  isValue,
  layoutOf,
  positionOf,
  type Row,
  type Select,
  selectShape,
  selectSql,
  selectValues,
  type Table,
  type Value,
} from '../../core/api';
import { derived } from './derived';
import { type Flavour, mysqlDialect, quote } from './dialect';
import { fill, type RowStatements } from './rows';

/** A statement and where its rows go. */
export interface Reading {
  readonly sql: string;
  /** Adds the statement's rows to the answers of its queries. */
  take(rows: readonly (readonly unknown[])[], answers: Row[][]): void;
}

/** Queries in one statement. */
const maxMerged = 500;

/** Statements for those of the queries that `isAsked` names; the answer of query `i` is the list `i` of `answers`. */
export function readingsOf(
  queries: readonly Select[],
  isAsked: (query: Select) => boolean,
  statementsOf: (table: Table) => RowStatements,
  flavour: Flavour,
): Reading[] {
  const readings: Reading[] = [];
  const groups: number[][] = [];
  const open = new Map<string, number[]>();
  for (const [i, query] of queries.entries()) {
    if (!isAsked(query)) continue;
    if (!isMergeable(query)) {
      groups.push([i]);
      continue;
    }
    const kind = `${query.table.name} ${selectShape(query)}`;
    const group = open.get(kind);
    if (group !== undefined && group.length < maxMerged) group.push(i);
    else {
      const fresh = [i];
      groups.push(fresh);
      open.set(kind, fresh);
    }
  }
  for (const members of groups) {
    const [first = 0] = members;
    const query = queries[first];
    if (query === undefined) continue;
    if (members.length === 1) readings.push(readOne(query, first, statementsOf(query.table)));
    else
      readings.push(
        readMany(
          members.map((i) => [i, queries[i] ?? query] as const),
          statementsOf(query.table),
          flavour,
        ),
      );
  }
  return readings;
}

/** Whether conditions only name values, so that a list of them can be joined with. */
function isMergeable({ where, orderBy }: Select): boolean {
  if (orderBy !== undefined) return false;
  const conditions = Object.values(where);
  return (
    conditions.length > 0 &&
    conditions.every((condition) =>
      isValue(condition) ? condition !== null : 'in' in condition && condition.in.length > 0,
    )
  );
}

function readOne(query: Select, index: number, statements: RowStatements): Reading {
  const exact = new Exact(query, statements);
  const asked = exact.asked(query);
  const literals: string[] = [];
  selectValues(asked, (value, column) => {
    literals.push(column === undefined ? String(value) : statements.literal(column, value));
  });
  return {
    sql: fill(selectSql(mysqlDialect, asked), literals),
    take: (rows, answers) => answers[index]?.push(...exact.rows(query, rows, 0)),
  };
}

/** As `selectValues`, without the limit: of queries in one statement each has its own. */
function selectConditions(query: Select, add: (value: Value, column: string) => void): void {
  selectValues(query, (value, column) => {
    if (column !== undefined) add(value, column);
  });
}

function readMany(
  members: readonly (readonly [number, Select])[],
  statements: RowStatements,
  flavour: Flavour,
): Reading {
  const [[, first]] = members as readonly [readonly [number, Select]];
  const exact = new Exact(first, statements);
  const name = quote(first.table.name);
  const rows = members.map(([index, query]) => {
    const literals = [String(index)];
    selectConditions(query, (value, column) => literals.push(statements.literal(column, value)));
    return literals;
  });
  let at = 1;
  const conditions: string[] = [];
  const slots: string[] = [];
  selectConditions(first, (_, column) => slots.push(column));
  for (const column of Object.keys(first.where)) {
    const count = slots.filter((slot) => slot === column).length;
    const values = Array.from({ length: count }, () => `v.c${at++}`);
    conditions.push(`${name}.${quote(column)} ${count === 1 ? `= ${values[0]}` : `IN (${values.join(', ')})`}`);
  }
  const columns = exact.columns.map((column) => `${name}.${quote(column)}`);
  return {
    sql: `SELECT v.c0, ${columns.join(', ')} FROM ${derived(rows, flavour)} STRAIGHT_JOIN ${name} ON ${conditions.join(' AND ')}`,
    take(found, answers) {
      const byQuery = new Map<number, (readonly unknown[])[]>();
      for (const row of found) {
        const index = Number(row[0]);
        const own = byQuery.get(index);
        if (own === undefined) byQuery.set(index, [row]);
        else own.push(row);
      }
      if (byQuery.size === 0) return;
      for (const [index, query] of members) {
        const own = byQuery.get(index);
        if (own !== undefined) answers[index]?.push(...exact.rows(query, own, 1));
      }
    },
  };
}

/**
 * Makes the rows of queries of one shape what they would be if their table compared texts by their bytes, as Kamailio's tables do not.
 */
class Exact {
  /** Of the rows that come. */
  readonly columns: readonly string[];
  readonly #width: number;
  /** Columns that fold, and where they stand in a row. */
  readonly #checks: (readonly [name: string, position: number])[] = [];
  readonly #types: readonly ('integer' | 'text' | 'blob')[];

  constructor(first: Select, { table, shape }: RowStatements) {
    const wanted = first.columns ?? layoutOf(table).names;
    const columns = [...wanted];
    for (const name in first.where) {
      if (!shape.folding.has(name) || first.where[name] === null) continue;
      this.#checks.push([name, columns.includes(name) ? columns.indexOf(name) : columns.push(name) - 1]);
    }
    this.columns = columns;
    this.#width = wanted.length;
    this.#types = columns.map((name) => table.columns[positionOf(table, name)]?.type ?? 'text');
  }

  /** The query as it is sent: with the columns that are compared here, and without a limit that would count what is left out. */
  asked(query: Select): Select {
    if (this.#checks.length === 0) return query;
    const { limit: _, ...unlimited } = query;
    return { ...unlimited, columns: this.columns };
  }

  /** @param from where a row's columns begin */
  rows({ where, limit }: Select, rows: readonly (readonly unknown[])[], from: number): Row[] {
    const answer: Row[] = [];
    for (const row of rows) {
      if (answer.length === limit) break;
      const values = this.#types.map((type, i) => cell(row[from + i], type));
      if (!this.#checks.every(([name, position]) => holds(where[name] ?? null, values[position] ?? null))) continue;
      values.length = this.#width;
      answer.push(values);
    }
    return answer;
  }
}

/** By its bytes. Other conditions than equality the server has judged as well as we can. */
function holds(condition: Condition, value: Value): boolean {
  if (isValue(condition)) return condition === value;
  return !('in' in condition) || condition.in.includes(value);
}

/** A value as the table's declaration has it. A blob is copied: mysql2's is a piece of what came from the network. */
function cell(value: unknown, type: 'integer' | 'text' | 'blob'): Value {
  if (value === null || value === undefined) return null;
  if (type === 'integer') return Number(value);
  if (type === 'text') return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
  return value instanceof Uint8Array ? new Uint8Array(value) : Buffer.from(String(value), 'utf8');
}
