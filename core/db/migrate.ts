// Owns the decision what has to happen to a stored table: create it, keep it, migrate it, or refuse it by name.
import { RollcallError } from '../base/errors';
import type { TableStep } from './database';
import { type Column, type Index, layoutOf, type Table } from './table';

/** A table as it was found in the database. */
export interface FoundTable {
  /** From the table `version`; undefined when it is not listed there. */
  readonly version: number | undefined;
  readonly columns: readonly FoundColumn[];
  /** Column lists of the primary key and of every unique index. */
  readonly uniqueKeys: readonly (readonly string[])[];
}

export interface FoundColumn {
  readonly name: string;
  /** Not null and without a default: whoever inserts a row must give a value. */
  readonly required: boolean;
}

export type TablePlan =
  | { readonly action: 'create' }
  | { readonly action: 'keep' }
  | { readonly action: 'migrate'; readonly addColumns: readonly Column[] };

/** What a plan does, once it is carried out, in words for the operator. */
export function stepOf(table: Table, found: FoundTable | undefined, plan: TablePlan): TableStep {
  const action = ({ create: 'created', migrate: 'migrated', keep: 'kept' } as const)[plan.action];
  return { table: table.name, action, from: found?.version, to: table.version };
}

const ownDatabase = 'give Rollcall a database of its own, or rename the table';

/**
 * @param where the database, for messages: its URL without password
 * @throws RollcallError when the table is not ours to use
 */
export function planTable(table: Table, found: FoundTable | undefined, where: string): TablePlan {
  layoutOf(table);
  if (found === undefined) return { action: 'create' };
  const name = `table '${table.name}' in ${where}`;
  if (found.version === undefined) {
    const hint = `somebody else made it: ${ownDatabase}`;
    throw new RollcallError(`${name} is not listed in the table 'version'`, { hint });
  }
  if (found.version > table.version) {
    throw new RollcallError(
      `${name} has version ${found.version}, newer than ${table.version} which this server knows`,
      {
        hint: `start the newer server that wrote it, or ${ownDatabase}`,
      },
    );
  }
  const added = addedColumns(table, found.version, name);
  checkShape(table, found, added, name);
  if (found.version === table.version) return { action: 'keep' };
  return { action: 'migrate', addColumns: added };
}

/** The columns that lead from a stored version to ours. */
function addedColumns(table: Table, stored: number, name: string): Column[] {
  const added = new Set<string>();
  for (let version = stored; version < table.version; version++) {
    const step = table.migrations?.find((migration) => migration.from === version);
    if (step === undefined) {
      throw new RollcallError(
        `${name} has version ${stored}, and there is no way from ${version} to ${table.version}`,
        {
          hint: ownDatabase,
        },
      );
    }
    for (const column of step.addColumns) added.add(column);
  }
  return table.columns.filter((column) => added.has(column.name));
}

/** Kamailio and OpenSIPS have different tables under one name and sometimes one version, so the columns are looked at too. */
function checkShape(table: Table, found: FoundTable, added: readonly Column[], name: string): void {
  const there = new Set(found.columns.map((column) => column.name));
  const coming = new Set(added.map((column) => column.name));
  const refuse = (what: string): never => {
    throw new RollcallError(`${name} says it is version ${found.version}, but ${what}`, { hint: ownDatabase });
  };
  for (const column of table.columns) {
    if (!there.has(column.name) && !coming.has(column.name)) refuse(`it has no column '${column.name}'`);
    if (there.has(column.name) && coming.has(column.name)) refuse(`it already has the column '${column.name}'`);
  }
  const known = new Set(table.columns.map((column) => column.name));
  for (const column of found.columns) {
    if (column.required && !known.has(column.name) && !(table.id === true && column.name === 'id')) {
      refuse(`its column '${column.name}' needs a value that this server does not know`);
    }
  }
  const key = [...table.primaryKey].sort().join();
  if (!found.uniqueKeys.some((columns) => [...columns].sort().join() === key)) {
    refuse(`(${table.primaryKey.join(', ')}) is not unique in it`);
  }
}

/** The primary key answers these questions as well, and every index costs writes with every change. */
export function isRedundantIndex(table: Table, index: Index): boolean {
  return index.unique !== true && index.columns.every((name, place) => table.primaryKey[place] === name);
}
