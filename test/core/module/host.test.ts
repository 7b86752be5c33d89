// Tests the module host: a module's life from setup to its last undo, and everything that can go wrong in it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RollcallError } from '../../../core/base/errors';
import { databaseDrivers, extensionPoint, service } from '../../../core/module/points';
import { openHost } from '../../support/modules';

const things = extensionPoint<string>('test.things');
const greeter = service<{ greet(): string }>('greeter');

test('functions and commands are known from setup to stop', async () => {
  const { host, add } = openHost();
  await add('hello', () => ({
    functions: { greet: { summary: '', args: [], returns: 'string', waits: false, call: () => 'hi' } },
    commands: { list: { summary: '', args: [], run: () => [1] } },
  }));
  assert.deepEqual(Object.keys(host.functions.get('hello') ?? {}), ['greet']);
  assert.deepEqual([...host.commands().keys()], ['hello.list']);
  await host.stop();
  assert.equal(host.functions.size, 0);
  assert.equal(host.commands().size, 0);
});

test('modules flush and are undone newest first, flushes before undoings', async () => {
  const { host, add } = openHost();
  const order: string[] = [];
  const module = (name: string) =>
    add(name, (ctx) => {
      ctx.provide(things, name, name);
      ctx.whenStopping(async () => {
        await Promise.resolve();
        order.push(`${name} first`);
      });
      ctx.whenStopping(() => {
        order.push(`${name} second, ${ctx.collect(things).size} things`);
      });
      return {};
    });
  await module('a');
  await module('b');
  await host.stop();
  assert.deepEqual(order, ['b second, 2 things', 'b first', 'a second, 2 things', 'a first']);
  assert.equal(host.registry.collect(things).size, 0);
});

test('a setup that throws names the module, keeps the hint, and leaves nothing of it', async () => {
  const { host, add } = openHost();
  await assert.rejects(
    add('bad', (ctx) => {
      ctx.provide(things, 'x', 'x');
      throw new RollcallError('no room', { hint: 'make room' });
    }),
    { message: 'module bad cannot start: no room', hint: 'make room' },
  );
  assert.equal(host.registry.collect(things).size, 0);
  await assert.rejects(
    add('worse', async () => {
      throw new TypeError('x is not a function');
    }),
    { message: 'module worse cannot start: x is not a function' },
  );
  await host.stop();
});

test('a setup that never ends is given up', async () => {
  const { host, add } = openHost({ setupLimit: 10 });
  await assert.rejects(
    add('slow', () => new Promise(() => {})),
    { message: 'module slow cannot start: it did not finish within 0.01 s' },
  );
  await host.stop();
});

test('a flush that never ends does not hold up the others', async () => {
  const { host, add, log } = openHost({ stopLimit: 10 });
  let flushed = false;
  await add('a', (ctx) => {
    ctx.whenStopping(() => {
      flushed = true;
    });
    return {};
  });
  await add('slow', (ctx) => {
    ctx.whenStopping(() => new Promise(() => {}));
    return {};
  });
  await host.stop();
  assert.equal(flushed, true);
  assert.equal(log[0]?.err?.message, 'slow did not stop within 0.01 s');
});

test('every calls again and again, never two at once, and survives a throw', async () => {
  const { host, clock, add, log } = openHost();
  let calls = 0;
  let finish = () => {};
  await add('ticker', (ctx) => {
    ctx.every(1000, () => {
      calls++;
      if (calls === 1) throw new Error('once');
      if (calls === 2)
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      return undefined;
    });
    return {};
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  clock.advance(1000);
  await turn();
  assert.equal(log[0]?.err?.message, 'once');
  clock.advance(1000);
  await turn();
  clock.advance(5000);
  assert.equal(calls, 2);
  finish();
  await turn();
  clock.advance(1000);
  assert.equal(calls, 3);
  await host.stop();
  await turn();
  clock.advance(5000);
  assert.equal(calls, 3);
});

test('after calls once, and not at all when the module has gone', async () => {
  const { host, clock, add } = openHost();
  const calls: string[] = [];
  await add('timers', (ctx) => {
    ctx.after(100, () => {
      calls.push('soon');
    });
    ctx.after(10_000, () => {
      calls.push('late');
    });
    return {};
  });
  clock.advance(500);
  await host.stop();
  clock.advance(20_000);
  assert.deepEqual(calls, ['soon']);
});

test('whenListening waits for the sockets, or runs at once when they are open', async () => {
  const { host, add, log } = openHost();
  const calls: string[] = [];
  await add('early', (ctx) => {
    ctx.whenListening(() => {
      calls.push('early');
    });
    ctx.whenListening(() => {
      throw new Error('boom');
    });
    return {};
  });
  assert.equal(calls.length, 0);
  host.listening();
  await add('late', (ctx) => {
    ctx.whenListening(() => {
      calls.push('late');
    });
    return {};
  });
  assert.deepEqual(calls, ['early', 'late']);
  await host.stop();
  assert.deepEqual(
    log.map((line) => [line.module, line.msg]),
    [['early', 'its start failed']],
  );
});

test('a module that has been stopped and still acts is told so', async () => {
  const { host, add } = openHost();
  let act = () => {};
  await add('ghost', (ctx) => {
    act = () => ctx.provide(things, 'x', 'x');
    return {};
  });
  await host.stop();
  assert.throws(() => act(), { message: 'the module ghost has been stopped and still acts' });
});

test('services meet across modules, and go with their owner', async () => {
  const { host, add } = openHost();
  await add('greeter', (ctx) => {
    ctx.offer(greeter, { greet: () => 'hello' });
    return {};
  });
  let said = '';
  await add('user', (ctx) => {
    const handle = ctx.use(greeter);
    ctx.whenStopping(() => {
      said = handle.greet();
    });
    return {};
  });
  await host.stop();
  assert.equal(said, 'hello');
  assert.throws(() => host.registry.use(greeter), RollcallError);
});

test('an event route runs in the script of the moment', async () => {
  const { host, add } = openHost();
  const ran: string[] = [];
  let has = () => false;
  await add('events', (ctx) => {
    has = () => ctx.hasEventRoute('events:x');
    ctx.whenListening(() => ctx.runEventRoute('events:x', { fields: { n: 1 } }));
    return {};
  });
  assert.equal(has(), false);
  host.useRoutes({
    hasEventRoute: (name) => name === 'events:x',
    runEvent: (name, input) => ran.push(`${name} ${JSON.stringify(input.fields)}`),
  });
  assert.equal(has(), true);
  host.listening();
  assert.deepEqual(ran, ['events:x {"n":1}']);
  await host.stop();
});

test('a database is opened once per URL through the driver of its scheme, and closed after the last flush', async () => {
  const { host, add } = openHost();
  const order: string[] = [];
  await add('db_sqlite', (ctx) => {
    ctx.provide(databaseDrivers, 'sqlite', {
      open: async (url) => {
        order.push(`open ${url.safe}`);
        return {
          url: url.safe,
          prepare: async () => {},
          select: async () => [],
          commit: async () => 'committed',
          close: async () => {
            order.push('close');
          },
        };
      },
      migrate: async () => [],
    });
    return {};
  });
  const databases = new Set<unknown>();
  for (const name of ['a', 'b']) {
    await add(name, async (ctx) => {
      databases.add(await ctx.openDatabase('sqlite:x.db'));
      ctx.whenStopping(() => {
        order.push(`${name} flushed`);
      });
      return {};
    });
  }
  await host.stop();
  assert.equal(databases.size, 1);
  assert.deepEqual(order, ['open sqlite:/etc/rollcall/x.db', 'b flushed', 'a flushed', 'close']);
});

test('a database without a driver says which module to load, and a wrong URL what is wrong, without its password', async () => {
  const { host, add } = openHost();
  const opening = (name: string, url: string) =>
    add(name, async (ctx) => {
      await ctx.openDatabase(url);
      return {};
    });
  await assert.rejects(opening('a', 'sqlite:x.db'), {
    message: 'module a cannot start: db_url uses sqlite: and no loaded module serves that',
    hint: 'add `- db_sqlite` to loadmodule',
  });
  await assert.rejects(opening('b', 'mysql://u:secret@'), (error: Error) => !error.message.includes('secret'));
  await host.stop();
});

test('a database that could not be opened is tried again the next time', async () => {
  let attempts = 0;
  const { host, add } = openHost({
    openDatabase: async () => {
      attempts++;
      throw new RollcallError('not now');
    },
  });
  for (const name of ['a', 'b']) {
    await assert.rejects(
      add(name, async (ctx) => {
        await ctx.openDatabase('sqlite:x.db');
        return {};
      }),
      { message: `module ${name} cannot start: not now` },
    );
  }
  assert.equal(attempts, 2);
  await host.stop();
});
