// Owns one table in memory: rows by primary key, a hash per declared index, selects that use them.
import { type Condition, ConstraintViolated, isValue, type Select } from './database';
import { keyOf, keyText, layoutOf, positionOf, type Row, type Table, type Value } from './table';

/** Beyond it, looking at every row is the cheaper way. */
const maxCombinations = 10_000;

/** Takes one step back. */
export type Undo = () => void;

interface HashIndex {
  readonly name: string;
  readonly unique: boolean;
  readonly positions: readonly number[];
  readonly rows: Map<string, Set<Row>>;
}

export class MemoryTable {
  readonly table: Table;
  readonly #rows = new Map<string, Row>();
  readonly #indexes: readonly HashIndex[];

  constructor(table: Table) {
    this.table = table;
    layoutOf(table);
    this.#indexes = (table.indexes ?? []).map((index) => ({
      name: index.name,
      unique: index.unique === true,
      positions: index.columns.map((name) => positionOf(table, name)),
      rows: new Map(),
    }));
  }

  /** The rows in another shape of the table: columns are found by name, new ones have their default. */
  reshaped(table: Table): MemoryTable {
    const next = new MemoryTable(table);
    const { position } = layoutOf(this.table);
    for (const row of this.#rows.values()) {
      const values = table.columns.map((column) => {
        const at = position.get(column.name);
        return (at === undefined ? column.default : row[at]) ?? null;
      });
      next.put(values, []);
    }
    return next;
  }

  /** By `keyText` of the primary key. */
  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** @throws ConstraintViolated when another row has the same unique key. */
  put(row: readonly Value[], undo: Undo[]): void {
    this.#replace(keyText(keyOf(this.table, row)), row.map(own), undo);
  }

  delete(key: string, undo: Undo[]): void {
    const old = this.#rows.get(key);
    if (old === undefined) return;
    this.#remove(key, old);
    undo.push(() => this.#add(key, old));
  }

  /** @throws ConstraintViolated when the row would take another row's key. */
  update(
    key: string,
    set: Readonly<Record<string, Value>>,
    where: Readonly<Record<string, Value>>,
    undo: Undo[],
  ): void {
    const old = this.#rows.get(key);
    if (old === undefined) return;
    for (const name in where) {
      if (!equal(old[positionOf(this.table, name)] ?? null, where[name] ?? null)) return;
    }
    const row = [...old];
    for (const name in set) row[positionOf(this.table, name)] = own(set[name] ?? null);
    const newKey = keyText(keyOf(this.table, row));
    if (newKey !== key) {
      if (this.#rows.has(newKey)) throw new ConstraintViolated(`${this.table.name}: another row has this primary key`);
      this.delete(key, undo);
    }
    this.#replace(newKey, row, undo);
  }

  select(query: Select): Row[] {
    const conditions = Object.entries(query.where).map(
      ([name, condition]) => [positionOf(this.table, name), condition] as const,
    );
    const rows: Row[] = [];
    for (const row of this.#candidates(new Map(conditions))) {
      if (conditions.every(([position, condition]) => holds(row[position] ?? null, condition))) rows.push(row);
    }
    if (query.orderBy !== undefined) {
      const position = positionOf(this.table, query.orderBy);
      rows.sort((a, b) => compare(a[position] ?? null, b[position] ?? null));
    }
    const positions = query.columns?.map((name) => positionOf(this.table, name));
    return rows
      .slice(0, query.limit ?? rows.length)
      .map((row) => (positions === undefined ? [...row] : positions.map((position) => row[position] ?? null)));
  }

  #replace(key: string, row: Row, undo: Undo[]): void {
    const old = this.#rows.get(key);
    for (const index of this.#indexes) {
      const text = index.unique ? indexText(index, row) : undefined;
      if (text === undefined) continue;
      for (const other of index.rows.get(text) ?? []) {
        if (other !== old)
          throw new ConstraintViolated(`${this.table.name}: another row has this key in ${index.name}`);
      }
    }
    if (old !== undefined) this.#remove(key, old);
    this.#add(key, row);
    undo.push(() => {
      this.#remove(key, row);
      if (old !== undefined) this.#add(key, old);
    });
  }

  #add(key: string, row: Row): void {
    this.#rows.set(key, row);
    for (const index of this.#indexes) {
      const text = indexText(index, row);
      if (text === undefined) continue;
      const rows = index.rows.get(text);
      if (rows === undefined) index.rows.set(text, new Set([row]));
      else rows.add(row);
    }
  }

  #remove(key: string, row: Row): void {
    this.#rows.delete(key);
    for (const index of this.#indexes) {
      const text = indexText(index, row);
      const rows = text === undefined ? undefined : index.rows.get(text);
      if (text === undefined || rows === undefined) continue;
      rows.delete(row);
      if (rows.size === 0) index.rows.delete(text);
    }
  }

  /** Rows that may satisfy the conditions: by key, by an index whose columns are all given, else all. */
  #candidates(conditions: ReadonlyMap<number, Condition>): Iterable<Row> {
    const byKey = combinations(layoutOf(this.table).key, conditions);
    if (byKey !== undefined) {
      return byKey.map((key) => this.#rows.get(key)).filter((row) => row !== undefined);
    }
    for (const index of this.#indexes) {
      const keys = combinations(index.positions, conditions);
      if (keys !== undefined) return keys.flatMap((key) => [...(index.rows.get(key) ?? [])]);
    }
    return this.#rows.values();
  }
}

/** The key texts that the conditions allow for these columns; undefined when a column is not pinned to values. */
function combinations(positions: readonly number[], conditions: ReadonlyMap<number, Condition>): string[] | undefined {
  let keys = [''];
  for (const position of positions) {
    const condition = conditions.get(position);
    if (condition === undefined || condition === null) return undefined;
    if (isValue(condition)) {
      keys = keys.map((key) => key + keyText([condition]));
    } else if ('in' in condition) {
      const texts = [...new Set(condition.in.map((value) => keyText([value])))];
      keys = keys.flatMap((key) => texts.map((text) => key + text));
    } else return undefined;
    if (keys.length > maxCombinations) return undefined;
  }
  return keys;
}

/** Undefined when a column is null: such rows are in no index, and never collide. */
function indexText(index: HashIndex, row: Row): string | undefined {
  const values: Value[] = [];
  for (const position of index.positions) {
    const value = row[position] ?? null;
    if (value === null) return undefined;
    values.push(value);
  }
  return keyText(values);
}

/** A copy that does not hold the datagram it came in. */
function own(value: Value): Value {
  return value instanceof Uint8Array ? Uint8Array.from(value) : value;
}

function holds(value: Value, condition: Condition): boolean {
  if (isValue(condition)) return equal(value, condition);
  if ('in' in condition) return condition.in.some((candidate) => value !== null && equal(value, candidate));
  if (value === null) return false;
  return 'atMost' in condition ? compare(value, condition.atMost) <= 0 : compare(value, condition.above) > 0;
}

function equal(a: Value, b: Value): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b;
}

function compare(a: Value, b: Value): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const bytes = (value: Value) => (value instanceof Uint8Array ? value : Buffer.from(String(value)));
  return Buffer.compare(bytes(a), bytes(b));
}
