// Owns the memory of what was taken over, which makes an import safe to run again, and the judgement that rests on it.
import { createHash } from 'node:crypto';
import type { Database, Put, Table } from '../../../core/api';

/** One row for each record that was taken over. Nobody but an import reads it: when the old server is gone for good it may be dropped. */
export const memoryTable: Table = {
  name: 'presence_takeover',
  version: 1,
  columns: [
    { name: 'record', type: 'text', size: 64 },
    { name: 'stamp', type: 'text', size: 255 },
  ],
  primaryKey: ['record'],
};

/** A record's name there, over all its states in the old server. */
export function recordName(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Notes that the record was taken over in the state that `stamp` stands for. */
export function note(record: string, stamp: string): Put {
  return { op: 'put', table: memoryTable, row: [record, stamp] };
}

/** The state in which each record was taken over. */
export async function remembered(database: Database, records: readonly string[]): Promise<Map<string, string>> {
  const query = { table: memoryTable, where: { record: { in: records } } };
  const [rows = []] = records.length === 0 ? [] : await database.select([query]);
  return new Map(rows.map(([record, stamp]) => [String(record), String(stamp)]));
}

/** What stands here in the place of a record of the old server. */
export type Standing =
  | 'nothing'
  /** What was taken over, with no change since that was not a NOTIFY. */
  | 'as taken'
  /** The very state that the old server has. */
  | 'the same'
  | 'something else';

export type Judgement = 'take' | 'known' | { readonly refused: string };

/**
 * Whether to take a record over. Whoever writes to both servers is served by one of them at a time: what has changed here since
 * it was taken belongs to this server, and what has changed there only is taken again.
 * @param taken the stamp under which an earlier run took it
 */
export function judge(taken: string | undefined, stamp: string, standing: Standing): Judgement {
  if (taken === stamp || (taken === undefined && standing === 'the same')) return 'known';
  if (taken === undefined)
    return standing === 'nothing' ? 'take' : { refused: 'another record stands in its place here' };
  if (standing === 'as taken') return 'take';
  return { refused: 'it was taken over before, and has changed or ended here since' };
}
