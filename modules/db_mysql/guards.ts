// Owns the decision which guards hold: pure, from the versions that are stored, with every change seeing those before it.
import { type Change, type Guard, keyOf, positionOf, type Table } from '../../core/api';
import type { TableShape } from './facts';
import { keyAfter, type RowStatements, rowName } from './rows';
import { type Batch, type RowOp, Waves } from './waves';

/** Names the row that a guard watches. */
export function guardName({ table, row }: Guard): string {
  return rowName(table, keyOf(table, row));
}

/** The version that a guard's row brings. */
function versionOf({ table, row, versionColumn }: Guard): number {
  return Number(row[positionOf(table, versionColumn)]);
}

/**
 * The group as if every guard held: all guards, then all writes. Undefined when it has to be read first: two guards watch one row, a version
 * is not one more than before, somebody else in the group writes a guarded row, or a guarded row may be refused for other reasons.
 */
export function hopefulBatch(
  changes: readonly Change[],
  statementsOf: (table: Table) => RowStatements,
): Batch | undefined {
  const waves = new Waves(statementsOf, true);
  for (const change of changes) {
    const { guard } = change;
    if (guard === undefined) continue;
    const { table, row, versionColumn, expected, changed } = guard;
    if (statementsOf(table).shape.strict) return undefined;
    if (expected !== 0 && versionOf(guard) !== expected + 1) return undefined;
    const claimed =
      expected === 0
        ? waves.claim({ op: 'create', table, row }, change)
        : waves.claim({ op: 'swap', table, row, versionColumn, changed }, change);
    if (!claimed) return undefined;
  }
  for (const change of changes) {
    for (const write of change.writes) if (!waves.add(write, change)) return undefined;
  }
  return waves.batch();
}

export type Verdict = 'holds' | 'stale';

/** What is known of the guarded rows of a group while it is worked off. */
export class GuardBook {
  /** Guarded rows and their versions; undefined: the row is not there. */
  readonly #versions = new Map<string, { readonly versionColumn: string; version: number | undefined }>();
  readonly #poisoned: Set<string>;

  /** @param poisoned rows whose guard was stale earlier in the group; those found now are added */
  constructor(poisoned: Set<string>) {
    this.#poisoned = poisoned;
  }

  /** What was read. Rows that were not found are to be noted with undefined. */
  note(name: string, versionColumn: string, version: number | undefined): void {
    this.#versions.set(name, { versionColumn, version });
  }

  /** Judges a change whose guarded row has been noted. */
  judge({ guard }: Change): Verdict {
    if (guard === undefined) return 'holds';
    const name = guardName(guard);
    const stored = this.#versions.get(name)?.version;
    const holds = guard.expected === 0 ? stored === undefined : stored === guard.expected;
    if (holds && !this.#poisoned.has(name)) return 'holds';
    this.#poisoned.add(name);
    return 'stale';
  }

  /** The operations of a change that holds, and what its guard's row is after them. False: what becomes of a guarded row is not known. */
  take({ guard, writes }: Change, shapeOf: (table: Table) => TableShape, ops: RowOp[]): boolean {
    if (guard !== undefined) {
      const { table, row } = guard;
      const known = this.#versions.get(guardName(guard));
      const absent = known?.version === undefined;
      // A row that is not there cannot be locked: another node may make it before us.
      ops.push({ op: absent && !shapeOf(table).strict ? 'create' : 'put', table, row });
      if (known !== undefined) known.version = versionOf(guard);
    }
    let sure = true;
    for (const write of writes) {
      ops.push(write);
      if (!this.#follow(write)) sure = false;
    }
    return sure;
  }

  /** What a write does to a row that some guard watches. False: that depends on what is stored. */
  #follow(write: Change['writes'][number]): boolean {
    for (const name of namesOf(write)) {
      const known = this.#versions.get(name);
      if (known === undefined) continue;
      if (write.op === 'delete') known.version = undefined;
      else if (write.op === 'put') known.version = Number(write.row[positionOf(write.table, known.versionColumn)]);
      else if (known.versionColumn in write.set || namesOf(write).length > 1) return false;
    }
    return true;
  }
}

function namesOf(write: Change['writes'][number]): string[] {
  const { table } = write;
  if (write.op === 'put') return [rowName(table, keyOf(table, write.row))];
  const name = rowName(table, write.key);
  if (write.op === 'delete') return [name];
  const moved = rowName(table, keyAfter(write));
  return moved === name ? [name] : [name, moved];
}
