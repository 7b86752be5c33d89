// Tests the exchange of a module: calls wait and go on, state is handed over, registrations never lapse, failures change nothing.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import type { Database, DatabaseUrl } from '../../../core/db/database';
import { openMemoryDatabase } from '../../../core/db/memory';
import type { ModuleContext } from '../../../core/module/context';
import { defineModule, type ModuleInstance } from '../../../core/module/define';
import type { ScriptFunction } from '../../../core/module/function';
import { databaseDrivers, extensionPoint } from '../../../core/module/points';
import type { Planned } from '../../../core/module/running';
import { openHost, type TestHost } from '../../support/modules';

const things = extensionPoint<string>('test.things');

type Setup = (ctx: ModuleContext, saved: unknown) => ModuleInstance | Promise<ModuleInstance>;

function planned(setup: Setup, stateVersion = 0): Planned {
  const definition = defineModule({
    name: 'small',
    summary: '',
    params: {},
    stateVersion,
    setup: (ctx, _, saved) => setup(ctx, saved),
  });
  return { definition, values: new Map() };
}

const fn = (call: (...args: unknown[]) => unknown, waits = true): ScriptFunction => ({
  summary: '',
  args: [],
  returns: 'string',
  waits,
  call,
});

const call = ({ host }: TestHost, name = 'say') => host.functions.get('small')?.[name]?.call();
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('calls in flight finish on the old module, those that come meanwhile are answered by the new one, once each', async () => {
  const test = openHost();
  let finish = () => {};
  let setUp = () => {};
  await test.host.setUp(
    planned(() => ({
      functions: {
        say: fn(
          () =>
            new Promise((resolve) => {
              finish = () => resolve('old');
            }),
        ),
        now: fn(() => 'old', false),
      },
      save: () => 'state',
    })),
  );
  const first = call(test);
  const exchanged = test.host.exchange(
    planned(async (_, saved) => {
      await new Promise<void>((resolve) => {
        setUp = resolve;
      });
      return { functions: { say: fn(() => `new with ${saved}`), now: fn(() => 'new', false) } };
    }),
  );
  const second = call(test);
  finish();
  assert.equal(await first, 'old');
  await turn();
  assert.equal(call(test, 'now'), 'old', 'what cannot wait reaches the old module until the new one has taken over');
  const third = call(test);
  setUp();
  assert.deepEqual(await Promise.all([second, third]), ['new with state', 'new with state']);
  assert.equal((await exchanged).waited, 2);
  assert.equal(call(test, 'now'), 'new');
  await test.host.stop();
});

test('what a module provides is there all the time: the old item until the new module has begun', async () => {
  const test = openHost();
  await test.host.setUp(
    planned((ctx) => {
      ctx.provide(things, 'a', 'old');
      ctx.provide(things, 'b', 'old');
      return {};
    }),
  );
  const seen = test.host.registry.collect(things);
  await test.host.exchange(
    planned(async (ctx) => {
      ctx.provide(things, 'a', 'new');
      await turn();
      assert.deepEqual([...seen.values()], ['old', 'old']);
      return {};
    }),
  );
  assert.deepEqual([...seen], [['a', 'new']]);
  await test.host.stop();
  assert.equal(seen.size, 0);
});

test('timers of the old module stop, what waits for the sockets runs when setup has returned', async () => {
  const test = openHost();
  test.host.listening();
  const order: string[] = [];
  const life = (name: string) =>
    planned((ctx) => {
      ctx.whenListening(() => void order.push(`${name} listens`));
      ctx.every(1000, () => void order.push(name));
      ctx.after(1500, () => void order.push(`${name} once`));
      order.push(`${name} set up`);
      return {};
    });
  await test.host.setUp(life('old'));
  test.clock.advance(1000, 100);
  await turn();
  await test.host.exchange(life('new'));
  test.clock.advance(2000, 100);
  assert.deepEqual(order, ['old set up', 'old listens', 'old', 'new set up', 'new listens', 'new', 'new once']);
  await test.host.stop();
});

for (const [what, next, message] of [
  [
    'throws',
    () => Promise.reject(new RollcallError('no room', { hint: 'make some' })),
    'module small cannot start: no room',
  ],
  ['lacks a function', () => ({}), 'the script calls say'],
] as const) {
  test(`a new module that ${what} is refused: the old definition goes on with its state, what it provides and who waits`, async () => {
    const test = openHost();
    let setups = 0;
    await test.host.setUp(
      planned((ctx, saved) => {
        setups++;
        ctx.provide(things, 'a', 'kept');
        const count = { value: (saved as number | undefined) ?? 0 };
        return { functions: { say: fn(() => ++count.value) }, save: () => count.value };
      }),
    );
    assert.equal(call(test), 1);
    const refusal = (functions: object) => ('say' in functions ? undefined : 'the script calls say');
    const exchange = test.host.exchange(
      planned((ctx) => {
        ctx.provide(things, 'b', 'not wanted');
        return next();
      }),
      refusal,
    );
    const waiting = call(test);
    await assert.rejects(exchange, { message });
    assert.equal(await waiting, 2);
    assert.equal(setups, 2);
    assert.deepEqual([...test.host.registry.collect(things)], [['a', 'kept']]);
    await test.host.stop();
  });
}

test('calls that do not finish refuse the exchange, and nothing has changed', async () => {
  const test = openHost({ gateLimit: 5 });
  await test.host.setUp(
    planned(() => ({ functions: { say: fn(() => new Promise(() => {})), other: fn(() => 'old') } })),
  );
  void call(test);
  await assert.rejects(test.host.exchange(planned(() => ({}))), /1 calls of small have not finished/);
  assert.equal(call(test, 'other'), 'old');
  await test.host.stop();
});

test('a save that throws refuses the exchange, and the module goes on', async () => {
  const test = openHost();
  await test.host.setUp(
    planned(() => ({
      functions: { say: fn(() => 'old') },
      save: () => Promise.reject(new RollcallError('busy')),
    })),
  );
  await assert.rejects(test.host.exchange(planned(() => ({}))), { message: 'busy' });
  assert.equal(call(test), 'old');
  await test.host.stop();
});

test('state of another version is not handed over', async () => {
  const test = openHost();
  const seen: unknown[] = [];
  const life = (version: number) =>
    planned((_, saved) => {
      seen.push(saved);
      return { save: () => `v${version}` };
    }, version);
  await test.host.setUp(life(1));
  await test.host.exchange(life(1));
  await test.host.exchange(life(2));
  assert.deepEqual(seen, [undefined, 'v1', undefined]);
  await test.host.stop();
});

test('a database in memory outlives the reload of its module, and ends with the module', async () => {
  const test = openHost();
  const seen = new Set<Database>();
  const life = planned((ctx) => {
    seen.add(ctx.memoryDatabase());
    return {};
  });
  await test.host.setUp(life);
  await test.host.exchange(life);
  assert.equal(seen.size, 1);
  await test.host.remove('small');
  await test.host.setUp(life);
  assert.equal(seen.size, 2);
  await test.host.stop();
});

test('a reloaded driver opens its databases anew: the handle stays, its users notice nothing, the old one is closed', async () => {
  const opened: string[] = [];
  const table = { name: 't', version: 1, columns: [{ name: 'k', type: 'text' }], primaryKey: ['k'] } as const;
  const driver = (name: string, fail = false) =>
    planned((ctx) => {
      ctx.provide(databaseDrivers, 'sqlite', {
        migrate: async () => [],
        open: async (_: DatabaseUrl) => {
          if (fail) throw new RollcallError('no such driver');
          opened.push(name);
          const database = openMemoryDatabase();
          const close = database.close.bind(database);
          database.close = async () => {
            opened.push(`${name} closed`);
            await close();
          };
          return database;
        },
      });
      return {};
    });
  const test = openHost();
  await test.host.setUp(driver('first'));
  let handle: Database | undefined;
  await test.add('user', async (ctx) => {
    handle = await ctx.openDatabase('sqlite:x.db');
    await handle.prepare([table]);
    return {};
  });
  assert.ok(handle);
  await assert.rejects(test.host.remove('small'), /small serves sqlite:.*x\.db/);
  await test.host.exchange(driver('second'));
  assert.deepEqual(opened, ['first', 'second', 'first closed']);
  assert.equal(await handle.commit({ writes: [{ op: 'put', table, row: ['a'] }] }), 'committed');
  await assert.rejects(test.host.exchange(driver('third', true)), { message: 'no such driver' });
  assert.deepEqual(await handle.select([{ table, where: {} }]), [[['a']]]);
  await test.host.stop();
});

test('a module that another needs stays', async () => {
  const test = openHost();
  await test.host.setUp(planned(() => ({})));
  const user = defineModule({ name: 'user', summary: '', depends: ['small'], params: {}, setup: () => ({}) });
  await test.host.setUp({ definition: user, values: new Map() });
  await assert.rejects(test.host.remove('small'), { message: 'small is needed by user' });
  await test.host.remove('user');
  await test.host.remove('small');
  assert.equal(test.host.modules.length, 0);
  await assert.rejects(test.host.remove('small'), { message: 'there is no loaded module "small"' });
  await test.host.stop();
});
