// Owns the proof that a group becomes a handful of statements, in an order that keeps its meaning, for MariaDB and MySQL alike.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Change, Table } from '../../../core/db/database';
import { type Flavour, flavourOf } from '../../../modules/db_mysql/dialect';
import type { TableShape } from '../../../modules/db_mysql/facts';
import { hopefulBatch } from '../../../modules/db_mysql/guards';
import { RowStatements } from '../../../modules/db_mysql/rows';
import { type Batch, type RowOp, Waves } from '../../../modules/db_mysql/waves';
import { guarded, items, put, versions } from '../../core/db/sample';

const things: Table = { ...items, name: 'things', indexes: [] };

function flavour(version: string): Flavour {
  const found = flavourOf(version);
  assert.ok(typeof found !== 'string');
  return found;
}

const mariadb = flavour('10.11.19-MariaDB-0+deb12u1');
const mysql = flavour('8.0.36');

const shapeOf = (table: Table): TableShape => ({
  keyIndex: 'PRIMARY',
  clustered: true,
  strict: table === items,
  required: new Set(),
  latin1: new Set(),
  folding: new Set(),
});

function statementsOf(server: Flavour, shape = shapeOf) {
  const known = new Map<Table, RowStatements>();
  return (table: Table) => {
    const statements = known.get(table) ?? new RowStatements(table, shape(table), server);
    known.set(table, statements);
    return statements;
  };
}

function batchOf(ops: readonly RowOp[], server = mariadb): Batch {
  const waves = new Waves(statementsOf(server));
  for (const op of ops) waves.add(op);
  return waves.batch();
}

const thing = (owner: string, tag: string, expires = 0) => ({ ...put(owner, tag, { expires }), table: things });
const gone = (owner: string, tag: string): RowOp => ({ op: 'delete', table: things, key: [owner, tag] });
const retag = (owner: string, tag: string, to: string): RowOp => {
  return { op: 'update', table: things, key: [owner, tag], set: { tag: to } };
};
const verbs = ({ statements }: Batch) => statements.map((statement) => statement.split(' ', 1)[0]);

const hoped = (changes: readonly Change[], shape = shapeOf): Batch => {
  const batch = hopefulBatch(changes, statementsOf(mariadb, shape));
  assert.ok(batch !== undefined);
  return batch;
};

describe('a group', () => {
  const users = Array.from({ length: 200 }, (_, i) => `user${i}`);
  const change = (user: string, expected: number, writes: Change['writes']): Change => {
    return { ...guarded(user, expected), writes };
  };

  it('of 200 changes that swap a guard and move a row is two statements', () => {
    const changes = users.map((user) => {
      const update = { op: 'update', table: things, key: [user, 'old'], set: { tag: 'new', expires: 1 } } as const;
      return change(user, 7, [update]);
    });
    const batch = hoped(changes);
    assert.deepEqual(verbs(batch), ['INSERT', 'UPDATE']);
    assert.deepEqual(batch.checks, [{ from: 0, count: 1, affected: 400 }]);
    assert.match(batch.statements[0] ?? '', /IF\(`version` = VALUES\(`version`\) - 1, VALUES\(`note`\), `note`\)/);
  });

  it('of new and old resources with new, changed and removed rows is one statement each', () => {
    const changes = users.flatMap((user, i) => {
      const writes: RowOp[] = [[thing(user, 'a')], [gone(user, 'a')], [retag(user, 'a', 'b')]][i % 3] ?? [];
      return [change(user, i % 2 === 0 ? 0 : 5, writes as Change['writes'])];
    });
    const batch = hoped(changes);
    assert.deepEqual(verbs(batch), ['INSERT', 'INSERT', 'INSERT', 'DELETE', 'UPDATE']);
    assert.deepEqual(
      batch.checks.map(({ affected }) => affected),
      [100, 200],
    );
  });

  it('stores of the guarded rows the columns that some change names, and those that want a value', () => {
    const guard = (user: string, changed: readonly string[]): Change => {
      const { guard, ...rest } = change(user, 1, []);
      return guard === undefined ? rest : { ...rest, guard: { ...guard, changed } };
    };
    const columns = (...changes: Change[]) => /\(([^)]*)\) VALUES/.exec(hoped(changes).statements[0] ?? '')?.[1];
    assert.equal(columns(guard('a', []), guard('b', [])), '`name`, `version`');
    assert.equal(columns(guard('a', []), guard('b', ['note'])), '`name`, `version`, `note`');
    assert.equal(columns(guard('a', []), change('b', 1, [])), '`name`, `version`, `note`');
    const required = (table: Table) => ({ ...shapeOf(table), required: new Set(['note']) });
    assert.match(hoped([guard('a', [])], required).statements[0] ?? '', /`note`\) VALUES \('a',2,NULL\)/);
  });

  it('updates rows by upserts that count where the key is the primary key, and joins with a list elsewhere', () => {
    const renew = (user: string, expires: number): Change => {
      return { writes: [{ op: 'update', table: things, key: [user, '1'], set: { expires } }] };
    };
    const changes = [renew('a', 1), renew('b', 2)];
    const { statements, checks } = hoped(changes, (table) => ({ ...shapeOf(table), required: new Set(['body']) }));
    assert.deepEqual(statements, [
      "INSERT INTO `things` (`owner`, `tag`, `expires`, `body`) VALUES ('a','1',1,''),('b','1',2,'') ON DUPLICATE KEY UPDATE `expires` = VALUES(`expires`)",
    ]);
    assert.deepEqual(checks, [{ from: 0, count: 1, affected: 4 }]);
    const elsewhere = (table: Table) => ({ ...shapeOf(table), clustered: false, keyIndex: 'things_idx' });
    assert.match(hoped(changes, elsewhere).statements[0] ?? '', /^UPDATE \(SELECT .*FORCE INDEX \(`things_idx`\)/);
    assert.match(batchOf(changes.flatMap(({ writes }) => writes)).statements[0] ?? '', /^UPDATE \(SELECT /);
  });

  it('updates rows that get the same values without a join', () => {
    const settle = (user: string, expires: number): RowOp => {
      return { op: 'update', table: things, key: [user, '1'], set: { label: null }, where: { expires, body: null } };
    };
    assert.deepEqual(batchOf([settle('a', 5), settle('b', 6)]).statements, [
      "UPDATE `things` FORCE INDEX (`PRIMARY`) SET `label` = NULL WHERE (`owner`, `tag`, `expires`) IN (('a','1',5),('b','1',6)) AND `body` IS NULL",
    ]);
  });

  it('with two guards of one row, a jump of a version, or a write to the guarded row of another is read first', () => {
    const own: Change['writes'] = [{ op: 'delete', table: versions, key: ['alice'] }];
    hoped([change('alice', 1, own), change('bob', 1, [])]);
    const hopeless = (...changes: Change[]) => assert.equal(hopefulBatch(changes, statementsOf(mariadb)), undefined);
    hopeless(change('alice', 1, []), change('alice', 2, []));
    hopeless(change('bob', 1, own), change('alice', 1, []));
    hopeless(change('alice', 1, []), change('bob', 1, own));
    const jump: Change = {
      guard: { table: versions, row: ['a', 9, null], versionColumn: 'version', expected: 3 },
      writes: [],
    };
    hopeless(jump);
  });
});

describe('writes', () => {
  it('on different rows go together, whatever comes between them', () => {
    assert.deepEqual(verbs(batchOf([thing('a', '1'), gone('b', '1'), thing('c', '1'), gone('d', '1')])), [
      'INSERT',
      'DELETE',
    ]);
  });

  it('on one row stay in their order', () => {
    const batch = batchOf([gone('a', '1'), thing('a', '1'), retag('a', '1', '2'), gone('a', '2'), thing('b', '1')]);
    assert.deepEqual(verbs(batch), ['DELETE', 'INSERT', 'UPDATE', 'DELETE', 'INSERT']);
  });

  it('that nobody will see are left out: a put before another put, or before a delete', () => {
    const batch = batchOf([thing('a', '1', 1), thing('a', '1', 2), thing('b', '1'), gone('b', '1')]);
    assert.deepEqual(verbs(batch), ['INSERT', 'DELETE']);
    assert.match(batch.statements[0] ?? '', /VALUES \('a','1',2,NULL,NULL\) ON/);
  });

  it('to the row that another moves to wait for it', () => {
    assert.deepEqual(verbs(batchOf([retag('a', '1', '2'), retag('a', '2', '3')])), ['UPDATE', 'UPDATE']);
    assert.deepEqual(verbs(batchOf([thing('a', '2'), retag('a', '1', '2')])), ['INSERT', 'UPDATE']);
  });

  it('where another index is unique go one by one', () => {
    const batch = batchOf([put('a', '1', { label: 'x' }), put('b', '1', { label: 'y' })]);
    assert.deepEqual(verbs(batch), ['DELETE', 'INSERT', 'DELETE', 'INSERT']);
    assert.ok(batch.statements.every((statement) => !statement.includes('ON DUPLICATE')));
  });

  it('of many bytes are cut into statements of a megabyte', () => {
    const big = Array.from({ length: 10 }, (_, i) => ({
      ...put('a', `${i}`, { body: Buffer.alloc(300_000, 'x') }),
      table: things,
    }));
    const { statements } = batchOf(big);
    assert.equal(statements.length, 4);
    assert.ok(statements.every(({ length }) => length < 1.1e6));
  });
});

describe('SQL', () => {
  it('names lists of rows as the server does', () => {
    const [here = ''] = batchOf([gone('a', '1'), gone('b', '2')], mariadb).statements;
    const [there = ''] = batchOf([gone('a', '1'), gone('b', '2')], mysql).statements;
    assert.match(
      here,
      /\(SELECT 'a' AS c0, '1' AS c1 UNION ALL VALUES \('b','2'\)\) AS v STRAIGHT_JOIN `things` FORCE INDEX \(`PRIMARY`\)/,
    );
    assert.match(there, /UNION ALL VALUES ROW\('b','2'\)\) AS v/);
  });

  it('cannot be left by what a text holds', () => {
    const [statement = ''] = batchOf([thing("'; DROP TABLE x; -- \\", '\\')]).statements;
    assert.match(statement, /VALUES \('\\'; DROP TABLE x; -- \\\\','\\\\',0,NULL,NULL\) ON/);
  });

  it('is for servers that have what it needs', () => {
    assert.equal(flavourOf('10.6.0-MariaDB'), mariadb);
    assert.equal(flavourOf('11.8.2-MariaDB-ubu2404'), mariadb);
    assert.equal(flavourOf('8.0.19'), mysql);
    assert.equal(flavourOf('9.1.0-commercial'), mysql);
    assert.match(String(flavourOf('10.5.23-MariaDB')), /too old: it needs 10.6/);
    assert.match(String(flavourOf('5.7.44-log')), /too old: it needs 8.0.19/);
  });
});
