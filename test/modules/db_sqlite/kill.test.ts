// Owns the promise that a killed server loses nothing it acknowledged and keeps no half change.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { items, versions } from '../../core/db/sample';
import { openTestDatabase, temporaryFolder } from './help';

const writers = 50;

it('kill -9 in a stream of commits loses nothing acknowledged and leaves no change half done', () =>
  // Three times on one file: the second life recovers what the first left, and goes on from there.
  killAgain([400, 700, 1000], 700));

it('kill -9 while another thread moves the log into the file loses nothing either', () =>
  // 16 MiB of log are worth moving: some 250 changes of this size.
  killAgain([300, 500, 700], 64 << 10));

async function killAgain(after: readonly number[], bodySize: number): Promise<void> {
  const folder = temporaryFolder();
  for (const killAfter of after) {
    const acknowledged = await runUntilKilled(folder, killAfter, bodySize);
    const db = await openTestDatabase(folder);
    await db.prepare([versions, items]);
    const [guards = [], rows = []] = await db.select([
      { table: versions, where: {} },
      { table: items, where: {}, columns: ['owner', 'tag'] },
    ]);
    await db.close();
    const stored = new Map(guards.map((row) => [row[0], Number(row[1])]));
    for (const [name, version] of acknowledged) {
      assert.ok((stored.get(name) ?? 0) >= version, `${name}: acknowledged ${version}, stored ${stored.get(name)}`);
    }
    // Every change raised a guard by one and put two rows that name the new version.
    const expected = new Set<string>();
    for (const [name, version] of stored) {
      for (let v = 1; v <= version; v++) for (const part of ['a', 'b']) expected.add(`${name} ${v}${part}`);
    }
    assert.deepEqual(new Set(rows.map((row) => `${row[0]} ${row[1]}`)), expected);
  }
}

/** Runs the child until it has acknowledged so many changes, kills it, and tells the highest version acknowledged per name. */
async function runUntilKilled(folder: string, killAfter: number, bodySize: number): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [join(__dirname, 'kill-child.js'), folder, String(writers), String(bodySize)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<string, number>();
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    // A line that the kill cut off has no full stop.
    const match = /^(\w+) (\d+)\.$/.exec(line);
    if (match === null) continue;
    acknowledged.set(match[1] ?? '', Number(match[2]));
    if (++count === killAfter) child.kill('SIGKILL');
  }
  assert.ok(count >= killAfter, `the child ended by itself after ${count}`);
  return acknowledged;
}
