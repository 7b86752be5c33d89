// Owns the packing of changes and queries for a thread: statements known by number, values in one flat array, blobs in one buffer.
import {
  type Change,
  deleteSql,
  type Guard,
  guardColumns,
  guardInsertSql,
  guardUpdateSql,
  type Layout,
  layoutOf,
  positionOf,
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
import type { Job, Program, StatementText } from './protocol';

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
  #sent = 0;

  /** A new thread knows nothing: the next job brings every statement along. */
  forget(): void {
    this.#sent = 0;
  }

  packChanges(changes: readonly Change[]): Job {
    const packer = new Packer();
    for (const change of changes) {
      const { guard, writes } = change;
      packer.program.push(writes.length + (guard === undefined ? 0 : 1));
      if (guard !== undefined) this.#packGuard(packer, guard);
      for (const write of writes) {
        const { table } = write;
        const book = this.#book(table);
        const { layout } = book;
        if (write.op === 'put') {
          book.put ??= this.#learn({ sql: putSql(sqliteDialect, table), blob: layout.blob });
          packer.program.push(book.put);
          packer.addRow(write.row, layout.blob);
        } else if (write.op === 'delete') {
          book.delete ??= this.#learn({ sql: deleteSql(sqliteDialect, table), blob: blobsOf(table, layout.key) });
          packer.program.push(book.delete);
          packer.addAt(write.key, layout.key, layout.blob);
        } else this.#packUpdate(packer, book, write);
      }
    }
    return this.#job(packer, changes.length);
  }

  packSelects(queries: readonly Select[]): Job {
    const packer = new Packer();
    for (const query of queries) {
      const { select, layout } = this.#book(query.table);
      const shape = selectShape(query);
      let id = select.get(shape);
      if (id === undefined) {
        const blob: boolean[] = [];
        selectValues(query, (_, column) =>
          blob.push(column !== undefined && layout.blob[layout.position.get(column) ?? 0] === true),
        );
        id = this.#learn({ sql: selectSql(sqliteDialect, query), blob });
        select.set(shape, id);
      }
      packer.program.push(id);
      selectValues(query, (value, column) => {
        packer.add(value, column !== undefined && layout.blob[layout.position.get(column) ?? 0] === true);
      });
    }
    return this.#job(packer, queries.length);
  }

  #packGuard(packer: Packer, guard: Guard): void {
    const { table, row } = guard;
    const book = this.#book(table);
    const { layout } = book;
    if (guard.expected === 0) {
      book.guardInsert ??= this.#learn({
        sql: guardInsertSql(sqliteDialect, table),
        blob: layout.blob,
        guard: { table: table.name, key: layout.key },
      });
      packer.program.push(book.guardInsert);
      packer.addRow(row, layout.blob);
      return;
    }
    const shape = guard.changed === undefined ? guard.versionColumn : `${guard.versionColumn}=${guard.changed.join()}`;
    let update = book.guardUpdate.get(shape);
    if (update === undefined) {
      const columns = guardColumns(guard);
      const id = this.#learn({
        sql: guardUpdateSql(sqliteDialect, guard),
        blob: [...blobsOf(table, columns), ...blobsOf(table, layout.key), false],
        guard: { table: table.name, key: layout.key.map((_, place) => columns.length + place) },
      });
      update = { id, columns };
      book.guardUpdate.set(shape, update);
    }
    packer.program.push(update.id);
    for (const position of update.columns) packer.add(row[position] ?? null, layout.blob[position] === true);
    for (const position of layout.key) packer.add(row[position] ?? null, layout.blob[position] === true);
    packer.program.push(guard.expected);
  }

  #packUpdate(packer: Packer, book: TableBook, update: Update): void {
    const { table, set } = update;
    const where = update.where ?? {};
    const shape = updateShape(update);
    const compared = Object.keys(where).filter((name) => where[name] !== null);
    let id = book.update.get(shape);
    if (id === undefined) {
      const positions = (names: readonly string[]) => names.map((name) => positionOf(table, name));
      const order = [...positions(Object.keys(set)), ...layoutOf(table).key, ...positions(compared)];
      id = this.#learn({ sql: updateSql(sqliteDialect, update), blob: blobsOf(table, order) });
      book.update.set(shape, id);
    }
    packer.program.push(id);
    const { blob, key } = book.layout;
    for (const name in set) packer.add(set[name] ?? null, blob[positionOf(table, name)] === true);
    packer.addAt(update.key, key, blob);
    for (const name of compared) packer.add(where[name] ?? null, blob[positionOf(table, name)] === true);
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
    const name = `${text.sql} ${text.blob.map(Number).join('')}`;
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = this.#texts.push(text) - 1;
      this.#ids.set(name, id);
    }
    return id;
  }

  #job(packer: Packer, count: number): Job {
    const statements = this.#texts.slice(this.#sent);
    this.#sent = this.#texts.length;
    return { statements, program: packer.program, blobs: packer.blobs(), count };
  }
}

function blobsOf(table: Table, positions: readonly number[]): boolean[] {
  const { blob } = layoutOf(table);
  return positions.map((position) => blob[position] === true);
}

/** Collects values; blobs are copied together in the end, into a buffer that is handed over instead of cloned. */
class Packer {
  readonly program: Program = [];
  readonly #blobs: Uint8Array[] = [];
  #size = 0;

  addRow(row: readonly Value[], blob: readonly boolean[]): void {
    for (let i = 0; i < row.length; i++) this.add(row[i] ?? null, blob[i] === true);
  }

  /** Values of the columns at these positions. */
  addAt(values: readonly Value[], positions: readonly number[], blob: readonly boolean[]): void {
    for (let i = 0; i < values.length; i++) this.add(values[i] ?? null, blob[positions[i] ?? 0] === true);
  }

  add(value: Value, blob: boolean): void {
    if (!blob) {
      this.program.push(value instanceof Uint8Array ? null : value);
    } else if (value instanceof Uint8Array) {
      this.program.push(this.#size, value.length);
      this.#blobs.push(value);
      this.#size += value.length;
    } else {
      this.program.push(null, 0);
    }
  }

  blobs(): ArrayBuffer | undefined {
    if (this.#blobs.length === 0) return undefined;
    const packed = new ArrayBuffer(this.#size);
    const bytes = new Uint8Array(packed);
    let at = 0;
    for (const blob of this.#blobs) {
      bytes.set(blob, at);
      at += blob.length;
    }
    return packed;
  }
}
