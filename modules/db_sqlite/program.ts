// Owns the statements that changes and queries become, known to a thread by number, and the jobs made of them.
import {
  type Change,
  deleteSql,
  type Guard,
  guardColumns,
  guardInsertSql,
  guardUpdateSql,
  type Layout,
  layoutOf,
  placeOf,
  putSql,
  type Select,
  selectShape,
  selectSql,
  selectValues,
  type Table,
  type Update,
  updateShape,
  updateSql,
  type Value,
} from '../../core/api';
import { sqliteDialect } from './dialect';
import { Packer } from './packing';
import type { Job, StatementText } from './protocol';

/** A table's statements, made when first used. */
interface TableBook {
  readonly layout: Layout;
  put: number | undefined;
  delete: number | undefined;
  guardInsert: number | undefined;
  readonly guardUpdate: Map<string, GuardUpdate>;
  readonly update: Map<string, number>;
  readonly select: Map<string, number>;
}

/** The statement of guards that store the same columns. */
interface GuardUpdate {
  readonly id: number;
  readonly columns: readonly number[];
}

/** The statements one thread knows, by number, and the packing of jobs for it. */
export class StatementBook {
  readonly #texts: StatementText[] = [];
  readonly #ids = new Map<string, number>();
  readonly #tables = new WeakMap<Table, TableBook>();
  readonly #packer = new Packer();
  #sent = 0;

  /** A new thread knows nothing: the next job brings every statement along. */
  forget(): void {
    this.#sent = 0;
  }

  packChanges(changes: readonly Change[]): Job {
    const packer = this.#begin();
    for (const change of changes) {
      const { guard, writes } = change;
      packer.number(writes.length + (guard === undefined ? 0 : 1));
      if (guard !== undefined) this.#packGuard(packer, guard);
      for (const write of writes) {
        const { table } = write;
        const book = this.#book(table);
        if (write.op === 'put') {
          book.put ??= this.#learn({ sql: putSql(sqliteDialect, table), parameters: table.columns.length });
          packer.number(book.put);
          packAll(packer, write.row);
        } else if (write.op === 'delete') {
          book.delete ??= this.#learn({ sql: deleteSql(sqliteDialect, table), parameters: table.primaryKey.length });
          packer.number(book.delete);
          packAll(packer, write.key);
        } else this.#packUpdate(packer, book, write);
      }
    }
    return this.#job(packer, changes.length);
  }

  packSelects(queries: readonly Select[]): Job {
    const packer = this.#begin();
    for (const [i, query] of queries.entries()) {
      const { select } = this.#book(query.table);
      const shape = selectShape(query);
      let id = select.get(shape);
      if (id === undefined) {
        let parameters = 0;
        selectValues(query, () => parameters++);
        id = this.#learn({ sql: selectSql(sqliteDialect, query), parameters });
        select.set(shape, id);
      }
      packer.number(id);
      packer.number(query.ifFound === undefined ? 0 : i - placeOf(queries, i, query.ifFound));
      selectValues(query, (value) => packer.value(value));
    }
    return this.#job(packer, queries.length);
  }

  #begin(): Packer {
    this.#packer.begin();
    return this.#packer;
  }

  #packGuard(packer: Packer, guard: Guard): void {
    const { table, row } = guard;
    const book = this.#book(table);
    const { key } = book.layout;
    if (guard.expected === 0) {
      book.guardInsert ??= this.#learn({
        sql: guardInsertSql(sqliteDialect, table),
        parameters: table.columns.length,
        guard: { table: table.name, key },
      });
      packer.number(book.guardInsert);
      packAll(packer, row);
      return;
    }
    const shape = guard.changed === undefined ? guard.versionColumn : `${guard.versionColumn}=${guard.changed.join()}`;
    let update = book.guardUpdate.get(shape);
    if (update === undefined) {
      const columns = guardColumns(guard);
      const id = this.#learn({
        sql: guardUpdateSql(sqliteDialect, guard),
        parameters: columns.length + key.length + 1,
        guard: { table: table.name, key: key.map((_, place) => columns.length + place) },
      });
      update = { id, columns };
      book.guardUpdate.set(shape, update);
    }
    packer.number(update.id);
    for (const position of update.columns) packer.value(row[position] ?? null);
    for (const position of key) packer.value(row[position] ?? null);
    packer.value(guard.expected);
  }

  #packUpdate(packer: Packer, book: TableBook, update: Update): void {
    const { set } = update;
    const where = update.where ?? {};
    const shape = updateShape(update);
    const compared = Object.keys(where).filter((name) => where[name] !== null);
    let id = book.update.get(shape);
    if (id === undefined) {
      const parameters = Object.keys(set).length + update.key.length + compared.length;
      id = this.#learn({ sql: updateSql(sqliteDialect, update), parameters });
      book.update.set(shape, id);
    }
    packer.number(id);
    for (const name in set) packer.value(set[name] ?? null);
    packAll(packer, update.key);
    for (const name of compared) packer.value(where[name] ?? null);
  }

  #book(table: Table): TableBook {
    let book = this.#tables.get(table);
    if (book === undefined) {
      book = {
        layout: layoutOf(table),
        put: undefined,
        delete: undefined,
        guardInsert: undefined,
        guardUpdate: new Map(),
        update: new Map(),
        select: new Map(),
      };
      this.#tables.set(table, book);
    }
    return book;
  }

  /** A module that was reloaded brings its tables as new objects; their statements are the old ones. */
  #learn(text: StatementText): number {
    let id = this.#ids.get(text.sql);
    if (id === undefined) {
      id = this.#texts.push(text) - 1;
      this.#ids.set(text.sql, id);
    }
    return id;
  }

  #job(packer: Packer, count: number): Job {
    const statements = this.#texts.slice(this.#sent);
    this.#sent = this.#texts.length;
    return { statements, ...packer.take(), count };
  }
}

function packAll(packer: Packer, values: readonly Value[]): void {
  for (let i = 0; i < values.length; i++) packer.value(values[i] ?? null);
}
