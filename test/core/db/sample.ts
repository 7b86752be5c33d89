// Owns the tables that the tests of databases use, and short ways to write changes to them.
import type { Change, Database, Row, Table } from '../../../core/db/database';

export const versions: Table = {
  name: 'suite_versions',
  version: 1,
  columns: [
    { name: 'name', type: 'text', size: 64 },
    { name: 'version', type: 'integer' },
    { name: 'note', type: 'text', nullable: true },
  ],
  primaryKey: ['name'],
};

export const items: Table = {
  name: 'suite_items',
  version: 1,
  id: true,
  columns: [
    { name: 'owner', type: 'text', size: 64 },
    { name: 'tag', type: 'text', size: 16 },
    { name: 'expires', type: 'integer' },
    { name: 'body', type: 'blob', nullable: true },
    { name: 'label', type: 'text', nullable: true },
  ],
  primaryKey: ['owner', 'tag'],
  indexes: [
    { name: 'expires_idx', columns: ['expires'] },
    { name: 'owner_idx', columns: ['owner'] },
    { name: 'label_idx', columns: ['label'], unique: true },
  ],
};

export function guarded(name: string, expected: number, tag?: string, note: string | null = null): Change {
  return {
    guard: { table: versions, row: [name, expected + 1, note], versionColumn: 'version', expected },
    writes: tag === undefined ? [] : [put(name, tag)],
  };
}

export function put(
  owner: string,
  tag: string,
  rest: Partial<{ expires: number; body: Uint8Array; label: string }> = {},
) {
  const row: Row = [owner, tag, rest.expires ?? 0, rest.body ?? null, rest.label ?? null];
  return { op: 'put', table: items, row } as const;
}

/** Rows with their blobs as Buffers, so that deepEqual does not care which driver made them. */
export function plain(rows: readonly Row[] | undefined): unknown[] {
  return (rows ?? []).map((row) => row.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value)));
}

export async function tagsOf(db: Database, owner: string): Promise<unknown[]> {
  const [rows] = await db.select([{ table: items, where: { owner }, orderBy: 'tag', columns: ['tag'] }]);
  return plain(rows).flat();
}
