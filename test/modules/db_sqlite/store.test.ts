// Owns the proof that the thread's connection survives a full disk and the like: nothing half stored, and on it goes.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import type Sqlite from 'better-sqlite3';
import type { Change } from '../../../core/db/database';
import { faultOf } from '../../../modules/db_sqlite/faults';
import { openFile } from '../../../modules/db_sqlite/file';
import { StatementBook } from '../../../modules/db_sqlite/program';
import { Store } from '../../../modules/db_sqlite/store';
import { guarded, items, put, versions } from '../../core/db/sample';
import { temporaryFolder } from './help';

const folder = temporaryFolder();

/** A store on this thread, with a hand on its connection. */
function openStore(file: string) {
  const handles: Sqlite.Database[] = [];
  const path = join(folder, file);
  const store = new Store({ path, role: 'writer', busyTimeout: 0 }, (options) => {
    const db = openFile(options);
    handles.push(db);
    return db;
  });
  store.open([versions, items]);
  const book = new StatementBook();
  return {
    handles,
    commit: (...changes: Change[]) => store.commit(book.packChanges(changes)),
    count: () => store.select(book.packSelects([{ table: items, where: {} }]))[0]?.length,
    close: () => store.close(),
    path,
  };
}

it('a full disk stores nothing of the group; with room again the next group is stored', () => {
  const { handles, commit, count, close, path } = openStore('full.db');
  commit(guarded('alice', 0, 'a'));
  const pages = handles[0]?.pragma('page_count', { simple: true });
  handles[0]?.pragma(`max_page_count = ${pages}`);
  const big: Change = { ...guarded('bob', 0), writes: [put('bob', 'b', { body: Buffer.alloc(100_000) })] };
  try {
    commit(guarded('carol', 0, 'c'), big);
    assert.fail('the disk was full');
  } catch (error) {
    const fault = faultOf(error, path);
    assert.equal(fault.kind, 'later');
    assert.match(fault.message, /the disk is full/);
    assert.match(fault.hint ?? '', /make room/);
  }
  assert.equal(count(), 1);
  const answer = commit(guarded('carol', 0, 'c'), big, guarded('alice', 1, 'b'));
  assert.deepEqual(answer, { stale: [], failed: [], moveLog: false, heldLog: undefined, fileLost: false });
  assert.equal(count(), 4);
  assert.equal(handles.length, 2, 'with a connection that knows nothing of the trouble');
  close();
});

it('a file that cannot be written is unavailable, not the fault of the changes', () => {
  const { handles, commit, close, path } = openStore('readonly.db');
  handles[0]?.pragma('query_only = 1');
  assert.throws(
    () => commit(guarded('alice', 0, 'a')),
    (error) => faultOf(error, path).kind === 'later' && /read-only/.test(faultOf(error, path).message),
  );
  assert.deepEqual(commit(guarded('alice', 0, 'a')).stale, []);
  close();
});

it('a table that somebody dropped is made again', () => {
  const { handles, commit, count, close } = openStore('dropped.db');
  handles[0]?.exec('DROP TABLE suite_items');
  assert.throws(() => commit({ writes: [put('alice', 'a')] }), /no such table/);
  commit({ writes: [put('alice', 'a')] });
  assert.equal(count(), 1);
  close();
});

it('a stale guard poisons its row also in a group that runs again because of a broken rule', () => {
  const { commit, count, close } = openStore('poison.db');
  for (const version of [0, 1, 2]) commit(guarded('alice', version));
  commit({ writes: [put('x', 'x', { label: 'taken' })] });
  const answer = commit(
    guarded('alice', 2, 'lost'),
    { ...guarded('bob', 0), writes: [put('bob', 'b'), put('bob', 'c', { label: 'taken' }), put('bob', 'd')] },
    guarded('alice', 3, 'poisoned'),
    guarded('carol', 0, 'stored'),
  );
  assert.deepEqual(answer.stale, [0, 2]);
  assert.deepEqual(
    answer.failed.map(({ change, fault }) => [change, fault.kind]),
    [[1, 'change']],
  );
  assert.equal(count(), 2);
  close();
});
