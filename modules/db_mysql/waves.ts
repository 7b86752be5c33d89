// Owns the order of many writes: those on different rows go together, a second one on a row waits for the next wave.
import { keyOf, keyText, type Table, type Update, type Write } from '../../core/api';
import { type Cells, isUniform, keyAfter, type RowStatements } from './rows';

/** A write, or the part of a guard that stores its row. */
export type RowOp =
  | Write
  /** The row is there and has the version before the new one. `changed`: as `Guard.changed`. */
  | {
      readonly op: 'swap';
      readonly table: Table;
      readonly row: Cells;
      readonly versionColumn: string;
      readonly changed?: readonly string[] | undefined;
    }
  /** There is no such row. */
  | { readonly op: 'create'; readonly table: Table; readonly row: Cells };

/** Statements in order, and what some of them must have changed for the group to be what it was taken for. */
export interface Batch {
  readonly statements: string[];
  readonly checks: { readonly from: number; readonly count: number; readonly affected: number }[];
}

interface Bucket {
  readonly first: RowOp;
  readonly statements: RowStatements;
  /** A hole is an operation that a later one made needless. */
  readonly items: (RowOp | undefined)[];
  /** Of the rows of `items`. */
  readonly names: string[];
}

/** What a wave does to a table. */
interface Part {
  readonly statements: RowStatements;
  readonly buckets: Bucket[];
  /** Each row's last operation. */
  readonly touched: Map<string, Bucket>;
}

export class Waves {
  readonly #statementsOf: (table: Table) => RowStatements;
  readonly #hopeful: boolean;
  readonly #done: Bucket[] = [];
  #parts = new Map<string, Part>();
  /** By table, the rows that only their owner may write. */
  readonly #claimed = new Map<string, Map<string, object>>();

  /** @param hopeful whether rows that are to be updated may be taken for there, so that counting tells if they were */
  constructor(statementsOf: (table: Table) => RowStatements, hopeful = false) {
    this.#statementsOf = statementsOf;
    this.#hopeful = hopeful;
  }

  /** The first operation on a row that nobody but `owner` may write in this group. False: somebody has claimed it. */
  claim(op: RowOp & { readonly row: Cells }, owner: object): boolean {
    const { name } = op.table;
    let rows = this.#claimed.get(name);
    if (rows === undefined) {
      rows = new Map();
      this.#claimed.set(name, rows);
    }
    const row = rowKey(op.table, op.row);
    if (rows.has(row)) return false;
    rows.set(row, owner);
    this.#put(this.#part(op.table), op, row);
    return true;
  }

  /** False: the operation writes a row that somebody else has claimed, and was not added. */
  add(op: RowOp, owner?: object): boolean {
    const part = this.#part(op.table);
    // Where another index is unique, which row comes first decides which is refused: such a table takes its writes one by one.
    const { strict } = part.statements.shape;
    const name = strict ? '' : nameOf(op);
    const moved = strict ? undefined : nameAfter(op, name);
    const claimed = this.#claimed.get(op.table.name);
    if (
      claimed !== undefined &&
      ((claimed.get(name) ?? owner) !== owner || (claimed.get(moved ?? name) ?? owner) !== owner)
    )
      return false;
    if (collides(part, op, name) || (moved !== undefined && collides(part, op, moved))) {
      this.#endWave();
      return this.add(op, owner);
    }
    // What a put stored nobody will see.
    const before = part.touched.get(name);
    if (before !== undefined) before.items[before.names.lastIndexOf(name)] = undefined;
    const bucket = this.#put(part, op, name);
    if (moved !== undefined) part.touched.set(moved, bucket);
    return true;
  }

  batch(): Batch {
    this.#endWave();
    const batch: Batch = { statements: [], checks: [] };
    for (const bucket of this.#done) {
      const [texts, affected] = render(bucket, this.#hopeful);
      if (affected !== undefined) batch.checks.push({ from: batch.statements.length, count: texts.length, affected });
      batch.statements.push(...texts);
    }
    return batch;
  }

  #part(table: Table): Part {
    let part = this.#parts.get(table.name);
    if (part === undefined) {
      part = { statements: this.#statementsOf(table), buckets: [], touched: new Map() };
      this.#parts.set(table.name, part);
    }
    return part;
  }

  #put(part: Part, op: RowOp, name: string): Bucket {
    let bucket = part.buckets.find(({ first }) => isAlike(first, op));
    if (bucket === undefined) {
      bucket = { first: op, statements: part.statements, items: [], names: [] };
      part.buckets.push(bucket);
    }
    bucket.items.push(op);
    bucket.names.push(name);
    part.touched.set(name, bucket);
    return bucket;
  }

  #endWave(): void {
    for (const { buckets } of this.#parts.values()) this.#done.push(...buckets);
    this.#parts = new Map();
  }
}

/** Whether the wave has an operation on this row that must come first; what a put stored nobody will see after another put or a delete. */
function collides({ statements, touched }: Part, op: RowOp, name: string): boolean {
  const before = touched.get(name)?.first.op;
  if (before === undefined) return false;
  return statements.shape.strict || before !== 'put' || (op.op !== 'put' && op.op !== 'delete');
}

/** Whether two operations on one table go into one statement. */
function isAlike(a: RowOp, b: RowOp): boolean {
  if (a.op === 'swap') return b.op === 'swap' && a.versionColumn === b.versionColumn;
  if (a.op !== 'update') return a.op === b.op;
  return b.op === 'update' && sameNames(a.set, b.set, false) && sameNames(a.where, b.where, true);
}

/** Whether both have the same names in one order, and with `nulls` null for the same ones: a condition on null is another one. */
function sameNames(a: Update['set'] = {}, b: Update['set'] = {}, nulls: boolean): boolean {
  const names = Object.keys(a);
  let i = 0;
  for (const name in b) {
    if (names[i++] !== name || (nulls && (a[name] === null) !== (b[name] === null))) return false;
  }
  return i === names.length;
}

/** Names the row that an operation touches, among those of its table. */
function nameOf(op: RowOp): string {
  return op.op === 'delete' || op.op === 'update' ? keyText(op.key) : rowKey(op.table, op.row);
}

/** Where an update moves its row to, if it does: it touches that one too. */
function nameAfter(op: RowOp, name: string): string | undefined {
  if (op.op !== 'update') return undefined;
  for (const column of op.table.primaryKey) {
    if (!(column in op.set)) continue;
    const moved = keyText(keyAfter(op));
    return moved === name ? undefined : moved;
  }
  return undefined;
}

function rowKey(table: Table, row: Cells): string {
  return keyText(keyOf(table, row));
}

/** A bucket's statements, and how many rows they have to count for the group to be what it was taken for. */
function render({ first, statements, items, names }: Bucket, hopeful: boolean): [string[], number?] {
  const rows: Cells[] = [];
  const keys: Cells[] = [];
  const updates: Update[] = [];
  const guards = first.op === 'create' || first.op === 'swap';
  for (const item of guards ? inOrder(items, names) : items) {
    if (item === undefined) continue;
    if (item.op === 'delete') keys.push(item.key);
    else if (item.op === 'update') updates.push(item);
    else rows.push(item.row);
  }
  switch (first.op) {
    case 'put':
      return [statements.shape.strict ? replaceOneByOne(statements, rows) : statements.put(rows)];
    case 'delete':
      return [statements.delete(keys)];
    case 'update': {
      const touched = hopeful && !isUniform(updates) ? statements.touch(updates) : undefined;
      return touched === undefined ? [statements.update(updates)] : [touched, 2 * updates.length];
    }
    case 'create':
      return [statements.create(rows), rows.length];
    case 'swap':
      return [statements.swap(rows, first.versionColumn, changedBy(items)), 2 * rows.length];
  }
}

/** The columns that some of the guards change; undefined: any. */
function changedBy(items: readonly (RowOp | undefined)[]): Set<string> | undefined {
  const columns = new Set<string>();
  for (const item of items) {
    if (item?.op !== 'swap') continue;
    if (item.changed === undefined) return undefined;
    for (const name of item.changed) columns.add(name);
  }
  return columns;
}

/** An upsert would also replace a row that has only another unique key in common. */
function replaceOneByOne(statements: RowStatements, rows: readonly Cells[]): string[] {
  return rows.flatMap((row) => [...statements.delete([keyOf(statements.table, row)]), ...statements.insert([row])]);
}

/** In the order of their keys, so that nodes with common rows wait for one another instead of for ever. */
function inOrder(items: readonly (RowOp | undefined)[], names: readonly string[]): (RowOp | undefined)[] {
  const order = names.map((_, i) => i).sort((a, b) => ((names[a] ?? '') < (names[b] ?? '') ? -1 : 1));
  return order.map((i) => items[i]);
}
