// Owns what is stored of our tables: columns, keys and character sets as information_schema tells them.
import { type FoundTable, RollcallError, type Table } from '../../core/api';
import type { Session } from './connections';
import { literal } from './literal';

/** A table as it is in the database. */
export interface StoredTable extends FoundTable {
  /** Column lists of all indexes, by name. */
  readonly indexes: ReadonlyMap<string, readonly string[]>;
  /** Names of the unique indexes over whole values. */
  readonly unique: ReadonlySet<string>;
  readonly facts: ReadonlyMap<string, ColumnFacts>;
  readonly engine: string;
}

export interface ColumnFacts {
  readonly latin1: boolean;
  /** Texts that differ may be equal to the server: case, accents, trailing blanks. */
  readonly folding: boolean;
}

type Rows = readonly (readonly (string | number | null)[])[];

/** The tables of these names that are there. */
export async function findTables(session: Session, names: readonly string[]): Promise<Map<string, StoredTable>> {
  const which = `TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN (${names.map((name) => literal(name)).join(', ')})`;
  const [engines = [], columns = [], keys = [], versionTable = []] = (await session.query([
    `SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE ${which}`,
    `SELECT TABLE_NAME, COLUMN_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME
      FROM information_schema.COLUMNS WHERE ${which} ORDER BY TABLE_NAME, ORDINAL_POSITION`,
    `SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NON_UNIQUE, SUB_PART
      FROM information_schema.STATISTICS WHERE ${which} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`,
    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'version'",
  ])) as readonly Rows[];
  const versions = new Map<unknown, number>();
  if (versionTable.length > 0) {
    const [rows = []] = (await session.query(['SELECT table_name, table_version FROM `version`'])) as readonly Rows[];
    for (const [name, version] of rows) versions.set(name, Number(version));
  }
  const found = new Map<string, StoredTable>();
  for (const [name, engine] of engines) {
    const own = (rows: Rows) => rows.filter((row) => row[0] === name);
    const stored = storedTable(own(columns), own(keys), versions.get(name), String(engine));
    found.set(String(name), stored);
  }
  return found;
}

function storedTable(columns: Rows, keys: Rows, version: number | undefined, engine: string): StoredTable {
  const indexes = new Map<string, string[]>();
  const unique = new Set<string>();
  const partial = new Set<string>();
  for (const [, index, column, nonUnique, prefix] of keys) {
    const name = String(index);
    const listed = indexes.get(name);
    if (listed === undefined) indexes.set(name, [String(column)]);
    else listed.push(String(column));
    if (Number(nonUnique) === 0) unique.add(name);
    // The first so many bytes only: a stricter rule than ours, and no way to find one row.
    if (prefix !== null) partial.add(name);
  }
  return {
    version,
    engine,
    indexes,
    unique,
    columns: columns.map(([, name, nullable, standard, extra]) => ({
      name: String(name),
      required: nullable === 'NO' && standard === null && !/auto_increment|DEFAULT_GENERATED/i.test(String(extra)),
    })),
    uniqueKeys: [...unique].filter((name) => !partial.has(name)).map((name) => indexes.get(name) ?? []),
    facts: new Map(
      columns.map(([, name, , , , charset, collation]) => [
        String(name),
        { latin1: charset === 'latin1', folding: charset !== null && !/_(nopad|0900)_bin$/.test(String(collation)) },
      ]),
    ),
  };
}

/** How statements reach the rows of a table as it is stored. */
export interface TableShape {
  /** The index that names one row. */
  readonly keyIndex: string;
  /** The rows lie in that index: an upsert finds out at once that its row is there. */
  readonly clustered: boolean;
  /** Another index is unique as well, so that a row may be refused for other reasons than its key. */
  readonly strict: boolean;
  /** Columns that want a value from whoever inserts a row. */
  readonly required: ReadonlySet<string>;
  readonly latin1: ReadonlySet<string>;
  readonly folding: ReadonlySet<string>;
}

/** @throws RollcallError when the table has no index over its key, which `planTable` has looked for */
export function shapeOf(table: Table, stored: StoredTable): TableShape {
  const key = [...table.primaryKey].sort().join();
  const isKey = (name: string) => [...(stored.indexes.get(name) ?? [])].sort().join() === key;
  const keyIndex = [...stored.unique].find(isKey);
  if (keyIndex === undefined) throw new RollcallError(`table '${table.name}' has no index over its key`);
  const isNumber = (name: string) => table.id === true && stored.indexes.get(name)?.join() === 'id';
  const others = [...stored.unique].filter((name) => !isKey(name) && !isNumber(name));
  const named = (has: (facts: ColumnFacts) => boolean) =>
    new Set([...stored.facts].filter(([, facts]) => has(facts)).map(([name]) => name));
  return {
    keyIndex,
    clustered: keyIndex === 'PRIMARY',
    strict: others.length > 0,
    required: new Set(stored.columns.filter((column) => column.required).map((column) => column.name)),
    latin1: named((facts) => facts.latin1),
    folding: named((facts) => facts.folding),
  };
}
