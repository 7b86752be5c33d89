// Owns the database that is only memory: the same contract, for servers without db_url and for tests.

import { answerInTurn } from './check';
import {
  type Change,
  ConstraintViolated,
  type Database,
  DatabaseUnavailable,
  type Guard,
  type Outcome,
  type Select,
} from './database';
import { GroupCommit, guardText, type Result } from './group';
import { MemoryTable, type Undo } from './memory-table';
import { keyOf, keyText, positionOf, type Row, type Table } from './table';

/** Opens an empty database. Nothing in it outlives the process. */
export function openMemoryDatabase(): Database {
  return new MemoryDatabase();
}

class MemoryDatabase implements Database {
  readonly url = 'memory';
  readonly #tables = new Map<string, MemoryTable>();
  readonly #group = new GroupCommit(async (changes) => this.#apply(changes));
  #closed = false;

  async prepare(tables: readonly Table[]): Promise<void> {
    for (const table of tables) {
      const known = this.#tables.get(table.name);
      if (known === undefined) this.#tables.set(table.name, new MemoryTable(table));
      // A module that was reloaded may bring another shape of its table.
      else if (known.table !== table) this.#tables.set(table.name, known.reshaped(table));
    }
  }

  async select(queries: readonly Select[]): Promise<Row[][]> {
    if (this.#closed) throw new DatabaseUnavailable('the database is closed', 1);
    return answerInTurn(queries, (query) => this.#table(query.table).select(query));
  }

  commit(change: Change): Promise<Outcome> {
    return this.#group.commit(change);
  }

  async close(): Promise<void> {
    await this.#group.close();
    this.#closed = true;
    this.#tables.clear();
  }

  #apply(changes: readonly Change[]): readonly Result[] {
    const stale = new Set<string>();
    return changes.map((change) => {
      const guard = change.guard;
      if (guard !== undefined && (stale.has(guardText(guard)) || !this.#holds(guard))) {
        stale.add(guardText(guard));
        return 'stale';
      }
      return this.#store(change);
    });
  }

  #holds(guard: Guard): boolean {
    const row = this.#table(guard.table).get(keyText(keyOf(guard.table, guard.row)));
    if (row === undefined) return guard.expected === 0;
    return guard.expected !== 0 && row[positionOf(guard.table, guard.versionColumn)] === guard.expected;
  }

  #store(change: Change): Result {
    const undo: Undo[] = [];
    try {
      if (change.guard !== undefined) this.#table(change.guard.table).put(change.guard.row, undo);
      for (const write of change.writes) {
        const table = this.#table(write.table);
        if (write.op === 'put') table.put(write.row, undo);
        else if (write.op === 'delete') table.delete(keyText(write.key), undo);
        else table.update(keyText(write.key), write.set, write.where ?? {}, undo);
      }
      return 'committed';
    } catch (error) {
      for (const step of undo.reverse()) step();
      return error instanceof Error ? error : new ConstraintViolated(String(error));
    }
  }

  #table(table: Table): MemoryTable {
    const found = this.#tables.get(table.name);
    if (found === undefined) throw new DatabaseUnavailable(`table ${table.name} was not prepared`, 1);
    return found;
  }
}
