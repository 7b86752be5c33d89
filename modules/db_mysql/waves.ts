// Owns the order of many writes: those on different rows go together, a second one on a row waits for the next wave.
import { keyOf, layoutOf, type Table, type Update, updateShape, type Write } from '../../core/api';
import { type Cells, keyAfter, type RowStatements, rowName } from './rows';

/** A write, or the part of a guard that stores its row. */
export type RowOp =
  | Write
  /** The row is there and has the version before the new one. */
  | { readonly op: 'swap'; readonly table: Table; readonly row: Cells; readonly versionColumn: string }
  /** There is no such row. */
  | { readonly op: 'create'; readonly table: Table; readonly row: Cells };

/** Statements in order, and what some of them must have changed for their guards to hold. */
export interface Batch {
  readonly statements: string[];
  readonly checks: { readonly from: number; readonly count: number; readonly affected: number }[];
}

interface Bucket {
  readonly op: RowOp['op'];
  readonly statements: RowStatements;
  readonly versionColumn: string;
  /** A hole is an operation that a later one made needless. */
  readonly items: (RowOp | undefined)[];
}

export class Waves {
  readonly #statementsOf: (table: Table) => RowStatements;
  readonly #done: Bucket[] = [];
  #buckets = new Map<string, Bucket>();
  /** What the wave does with each row. */
  #touched = new Map<string, { readonly bucket: Bucket; readonly index: number }>();

  constructor(statementsOf: (table: Table) => RowStatements) {
    this.#statementsOf = statementsOf;
  }

  add(op: RowOp): void {
    const statements = this.#statementsOf(op.table);
    const names = namesOf(op, statements.shape.strict);
    if (names.some((name) => this.#collides(op, name))) this.#endWave();
    const key = bucketKey(op);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { op: op.op, statements, versionColumn: op.op === 'swap' ? op.versionColumn : '', items: [] };
      this.#buckets.set(key, bucket);
    }
    const index = bucket.items.push(op) - 1;
    for (const name of names) {
      const before = this.#touched.get(name);
      if (before !== undefined) before.bucket.items[before.index] = undefined;
      this.#touched.set(name, { bucket, index });
    }
  }

  batch(): Batch {
    this.#endWave();
    const batch: Batch = { statements: [], checks: [] };
    for (const bucket of this.#done) render(bucket, batch);
    return batch;
  }

  /** Whether the wave has an operation on this row that must come first; what a put stored nobody will see after another put or a delete. */
  #collides(op: RowOp, name: string): boolean {
    const before = this.#touched.get(name)?.bucket;
    if (before === undefined) return false;
    return before.statements.shape.strict || before.op !== 'put' || (op.op !== 'put' && op.op !== 'delete');
  }

  #endWave(): void {
    this.#done.push(...this.#buckets.values());
    this.#buckets = new Map();
    this.#touched = new Map();
  }
}

/** The rows that an operation touches: two when an update moves one to another key. */
function namesOf(op: RowOp, strict: boolean): string[] {
  // Where another index is unique, which row comes first decides which is refused: such a table takes its writes one by one.
  if (strict) return [op.table.name];
  if (op.op === 'delete') return [rowName(op.table, op.key)];
  if (op.op !== 'update') return [rowName(op.table, keyOf(op.table, op.row))];
  const name = rowName(op.table, op.key);
  const moves = op.table.primaryKey.some((column) => column in op.set);
  return moves ? [...new Set([name, rowName(op.table, keyAfter(op))])] : [name];
}

function bucketKey(op: RowOp): string {
  const shape = op.op === 'update' ? updateShape(op) : op.op === 'swap' ? op.versionColumn : '';
  return `${op.table.name} ${op.op} ${shape}`;
}

function render({ op, statements, versionColumn, items }: Bucket, batch: Batch): void {
  const rows: Cells[] = [];
  const keys: Cells[] = [];
  const updates: Update[] = [];
  for (const item of items) {
    if (item === undefined) continue;
    if (item.op === 'delete') keys.push(item.key);
    else if (item.op === 'update') updates.push(item);
    else rows.push(item.row);
  }
  const from = batch.statements.length;
  const check = (affected: number) => {
    batch.checks.push({ from, count: batch.statements.length - from, affected });
  };
  switch (op) {
    case 'put':
      if (statements.shape.strict) batch.statements.push(...replaceOneByOne(statements, rows));
      else batch.statements.push(...statements.put(rows));
      break;
    case 'delete':
      batch.statements.push(...statements.delete(keys));
      break;
    case 'update':
      batch.statements.push(...statements.update(updates));
      break;
    case 'create':
      // In the order of their keys, so that nodes with common rows wait for one another instead of for ever.
      batch.statements.push(...statements.create(inOrder(statements.table, rows)));
      check(rows.length);
      break;
    case 'swap':
      batch.statements.push(...statements.swap(inOrder(statements.table, rows), versionColumn));
      check(2 * rows.length);
  }
}

/** An upsert would also replace a row that has only another unique key in common. */
function replaceOneByOne(statements: RowStatements, rows: readonly Cells[]): string[] {
  return rows.flatMap((row) => [...statements.delete([keyOf(statements.table, row)]), ...statements.insert([row])]);
}

function inOrder(table: Table, rows: readonly Cells[]): Cells[] {
  const positions = layoutOf(table).key;
  const name = (row: Cells) => positions.map((position) => String(row[position])).join('\0');
  return rows
    .map((row) => [name(row), row] as const)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([, row]) => row);
}
