// Owns the tables in the database: makes what is missing, migrates what is older, refuses what is not ours, as Kamailio's `version` says.
import { planTable, RollcallError, stepOf, type Table, type TablePlan, type TableStep } from '../../core/api';
import type { Session } from './connections';
import { alterTableSql, createTableSql, indexesOf } from './dialect';
import { findTables, type StoredTable } from './facts';
import { isOvertaken } from './faults';
import { literal } from './literal';

/** As Kamailio's standard-create.sql has it. */
const versionTable: Table = {
  name: 'version',
  version: 1,
  id: true,
  columns: [
    { name: 'table_name', type: 'text', size: 64 },
    { name: 'table_version', type: 'integer', default: 0 },
  ],
  primaryKey: ['table_name'],
};

/** s that another node may take to make the tables. */
const lockPatience = 30;
/** On a Galera cluster that lock is each server's own: there a node that was overtaken looks again. */
const maxAttempts = 10;
/** ms before it does. */
const pause = 200;

export interface Prepared {
  readonly steps: readonly TableStep[];
  /** By table name. */
  readonly stored: ReadonlyMap<string, StoredTable>;
}

/**
 * Looks at all tables before it touches one.
 * @param change whether tables may be made and migrated
 * @throws RollcallError naming the table that cannot be used; what mysql2 throws
 */
export async function prepareTables(
  session: Session,
  tables: readonly Table[],
  where: string,
  change: boolean,
): Promise<Prepared> {
  const first = await look(session, tables, where).catch((error: unknown) => {
    // A table that another node is just making or changing looks like somebody else's: only with the lock is a refusal certain.
    if (error instanceof RollcallError) return locked(session, () => look(session, tables, where));
    throw error;
  });
  if (first.plans.every(({ plan }) => plan.action === 'keep')) return finish(first);
  const missing = first.plans.find(({ plan }) => plan.action !== 'keep');
  if (!change && missing !== undefined) throw notAllowed(missing, where);
  for (let attempt = 1; ; attempt++) {
    try {
      return await locked(session, () => makeTables(session, tables, where));
    } catch (error) {
      if (!isOvertaken(error) || attempt === maxAttempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

async function makeTables(session: Session, tables: readonly Table[], where: string): Promise<Prepared> {
  const { plans } = await look(session, tables, where);
  if (!(await findTables(session, [versionTable.name])).has(versionTable.name)) {
    await session.query([createTableSql(versionTable, session.server.flavour)], 0);
    await recordVersion(session, versionTable);
  }
  for (const each of plans) await carryOut(session, each);
  return { ...finish(await look(session, tables, where)), steps: stepsOf(plans) };
}

/** Nodes that start together would make the tables together. The server ends this lock with the connection. */
async function locked<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query([`DO GET_LOCK(${lockName}, ${lockPatience})`], 0);
  try {
    return await work();
  } finally {
    await session.query([`DO RELEASE_LOCK(${lockName})`]);
  }
}

const lockName = "CONCAT('rollcall.', LEFT(DATABASE(), 48))";

interface Planned {
  readonly table: Table;
  readonly plan: TablePlan;
  readonly stored: StoredTable | undefined;
}

interface Look {
  readonly plans: readonly Planned[];
  readonly stored: ReadonlyMap<string, StoredTable>;
}

async function look(session: Session, tables: readonly Table[], where: string): Promise<Look> {
  const names = tables.map((table) => table.name);
  const stored = await findTables(session, names);
  // Looking at tables keeps others from changing them until the transaction ends.
  await session.query(['COMMIT']);
  const plans = tables.map((table) => {
    const found = stored.get(table.name);
    if (found !== undefined) checkEngine(table, found, where);
    return { table, stored: found, plan: planStored(table, found, where) };
  });
  return { plans, stored };
}

/** As `planTable`; an ALTER whose version was not noted any more, because the server died, has only that left to do. */
function planStored(table: Table, found: StoredTable | undefined, where: string): TablePlan {
  const version = found?.version ?? table.version;
  const there = new Set(found?.columns.map((column) => column.name));
  const way = (table.migrations ?? []).filter(({ from }) => from >= version).length === table.version - version;
  if (found === undefined || version >= table.version || !way) return planTable(table, found, where);
  if (!table.columns.every((column) => there.has(column.name))) return planTable(table, found, where);
  planTable(table, { ...found, version: table.version }, where);
  return { action: 'migrate', addColumns: [] };
}

function checkEngine(table: Table, { engine }: StoredTable, where: string): void {
  if (/^InnoDB$/i.test(engine)) return;
  throw new RollcallError(
    `table '${table.name}' in ${where} is of the engine ${engine}, which cannot undo half a change`,
    {
      hint: `ALTER TABLE ${table.name} ENGINE=InnoDB`,
    },
  );
}

async function carryOut(session: Session, { table, plan, stored }: Planned): Promise<void> {
  const { flavour } = session.server;
  if (plan.action === 'keep') return;
  if (plan.action === 'create') {
    // The version first: a table without one would look like somebody else's, a version without a table does no harm.
    await recordVersion(session, table);
    await session.query([createTableSql(table, flavour)], 0);
    return;
  }
  const indexes = indexesOf(table).filter((index) => {
    return ![...(stored?.indexes.values() ?? [])].some((columns) => columns.join() === index.columns.join());
  });
  if (plan.addColumns.length + indexes.length > 0) {
    await session.query([alterTableSql(table, plan.addColumns, indexes)], 0);
  }
  await recordVersion(session, table);
}

/** Not an upsert: Kamailio's older `version` tables have no key. */
async function recordVersion(session: Session, table: Table): Promise<void> {
  const name = literal(table.name);
  await session.query([
    'START TRANSACTION',
    `DELETE FROM \`version\` WHERE table_name = ${name}`,
    `INSERT INTO \`version\` (table_name, table_version) VALUES (${name}, ${table.version})`,
    'COMMIT',
  ]);
}

function stepsOf(plans: readonly Planned[]): TableStep[] {
  return plans.map(({ table, stored, plan }) => stepOf(table, stored, plan));
}

function finish({ plans, stored }: Look): Prepared {
  return { steps: stepsOf(plans), stored };
}

function notAllowed({ table, stored }: Planned, where: string): RollcallError {
  const state = stored === undefined ? 'is missing' : `has version ${stored.version}, older than ${table.version}`;
  return new RollcallError(`table '${table.name}' in ${where} ${state}, and db_auto_migrate is off`, {
    hint: 'run bin/rollcall db migrate -f FILE',
  });
}
