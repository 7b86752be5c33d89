// Owns the tables in the file: what is there, what is missing, Kamailio's table `version`.
import type { Database as Sqlite } from 'better-sqlite3';
import {
  type FoundTable,
  type Index,
  isRedundantIndex,
  planTable,
  stepOf,
  type Table,
  type TableStep,
} from '../../core/api';
import { addColumnSql, createIndexSql, createTableSql, indexName } from './dialect';

/** As Kamailio's standard-create.sql has it. */
const versionTable: Table = {
  name: 'version',
  version: 1,
  id: true,
  columns: [
    { name: 'table_name', type: 'text', size: 32 },
    { name: 'table_version', type: 'integer', default: 0 },
  ],
  primaryKey: ['table_name'],
};

/**
 * Creates and migrates in one transaction: all tables are right afterwards or none was touched.
 * @throws RollcallError naming the table that cannot be used
 */
export function prepareTables(db: Sqlite, tables: readonly Table[], path: string): TableStep[] {
  // When all is there, a look is enough. It takes no lock, for which another connection would have to wait, and this one for that.
  return stepsWhenComplete(db, tables, path) ?? makeTables(db, tables, path);
}

function stepsWhenComplete(db: Sqlite, tables: readonly Table[], path: string): TableStep[] | undefined {
  db.exec('BEGIN');
  try {
    if (columnsOf(db, versionTable.name).length === 0) return undefined;
    const steps = tables.map((table) => {
      const found = findTable(db, table.name);
      return stepOf(table, found, planTable(table, found, `sqlite:${path}`));
    });
    const indexes = new Set(
      db.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'index'").pluck().all(),
    );
    const complete = tables.every((table) =>
      neededIndexes(table).every((index) => indexes.has(indexName(table, index))),
    );
    return complete && steps.every(({ action }) => action === 'kept') ? steps : undefined;
  } finally {
    db.exec('COMMIT');
  }
}

function makeTables(db: Sqlite, tables: readonly Table[], path: string): TableStep[] {
  db.exec('BEGIN IMMEDIATE');
  try {
    if (columnsOf(db, versionTable.name).length === 0) {
      db.exec(createTableSql(versionTable));
      recordVersion(db, versionTable);
    }
    const steps = tables.map((table) => prepareTable(db, table, path));
    db.exec('COMMIT');
    return steps;
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function prepareTable(db: Sqlite, table: Table, path: string): TableStep {
  const found = findTable(db, table.name);
  const plan = planTable(table, found, `sqlite:${path}`);
  if (plan.action === 'create') db.exec(createTableSql(table));
  if (plan.action === 'migrate') for (const column of plan.addColumns) db.exec(addColumnSql(table, column));
  for (const index of neededIndexes(table)) db.exec(createIndexSql(table, index));
  if (plan.action !== 'keep') recordVersion(db, table);
  return stepOf(table, found, plan);
}

/** Those that the primary key does not serve as well. */
function neededIndexes(table: Table): Index[] {
  return (table.indexes ?? []).filter((index) => !isRedundantIndex(table, index));
}

function recordVersion(db: Sqlite, table: Table): void {
  const changed = db
    .prepare('UPDATE version SET table_version = ? WHERE table_name = ?')
    .run(table.version, table.name);
  if (changed.changes > 0) return;
  db.prepare('INSERT INTO version (table_name, table_version) VALUES (?, ?)').run(table.name, table.version);
}

function versionOf(db: Sqlite, name: string): number | undefined {
  return db
    .prepare<[string], { table_version: number }>('SELECT table_version FROM version WHERE table_name = ?')
    .get(name)?.table_version;
}

interface ColumnInfo {
  readonly name: string;
  readonly notnull: number;
  readonly dflt_value: unknown;
  readonly pk: number;
}

function columnsOf(db: Sqlite, table: string): ColumnInfo[] {
  return db
    .prepare<[string], ColumnInfo>('SELECT name, "notnull", dflt_value, pk FROM pragma_table_info(?)')
    .all(table);
}

/** A table as it is in the file. @param versioned whether there is a table `version` to ask */
export function findTable(db: Sqlite, name: string, versioned = true): FoundTable | undefined {
  const columns = columnsOf(db, name);
  if (columns.length === 0) return undefined;
  const version = versioned ? versionOf(db, name) : undefined;
  const primary = columns.filter((column) => column.pk > 0).map((column) => column.name);
  // A partial index is unique among some rows only.
  const unique = db
    .prepare<[string], { name: string }>('SELECT name FROM pragma_index_list(?) WHERE "unique" = 1 AND partial = 0')
    .all(name)
    .map((index) =>
      db
        .prepare<[string], { name: string }>('SELECT name FROM pragma_index_info(?)')
        .all(index.name)
        .map((column) => column.name),
    );
  return {
    version,
    columns: columns.map((column) => ({
      name: column.name,
      required: column.notnull === 1 && column.dflt_value === null,
    })),
    uniqueKeys: [primary, ...unique],
  };
}
