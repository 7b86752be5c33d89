// Holds reload to its word: under load nothing is lost, refused or answered twice, and new code runs, or the old one stays.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { Checkout, patient } from '../support/checkout';
import { Load } from '../support/load';
import { Mariadb, mariadbMissing } from '../support/mariadb';
import { Poll } from '../support/poll';
import { freePort } from '../support/ports';
import type { ServerSpec } from '../support/scratch';

const checkout = new Checkout();
after(() => checkout.remove());
let load: Load | undefined;
let poll: Poll | undefined;
let mariadb: Mariadb | undefined;
afterEach(async () => {
  await load?.stop();
  load = undefined;
  await poll?.stop();
  poll = undefined;
  await checkout.stop();
  checkout.restore();
  await mariadb?.stop();
  mariadb = undefined;
});

async function underLoad(rate = 600): Promise<Load> {
  load = new Load({ port: checkout.port, presentities: 20, watchers: 3, rate });
  await load.start();
  return load;
}

/** Lets the load go on for so many operations. */
async function operations(count: number): Promise<void> {
  const goal = (load?.operations ?? 0) + count;
  while (load !== undefined && load.operations < goal && load.faults.length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function endLoad(): Promise<NonNullable<Awaited<ReturnType<Load['stop']>>>> {
  assert.ok(load);
  const report = await load.stop();
  load = undefined;
  assert.deepEqual(report.faults, [], checkout.log);
  return report;
}

/** Where the state is. */
async function databaseOf(
  db: 'memory' | 'sqlite' | 'mysql',
): Promise<Pick<ServerSpec, 'db' | 'loadmodule' | 'modparam'>> {
  if (db !== 'mysql') return { db };
  mariadb = await Mariadb.start();
  return { loadmodule: ['db_mysql'], modparam: [['presence', 'db_url', await mariadb.database()]] };
}

for (const db of ['memory', 'sqlite', 'mysql'] as const) {
  test(`${db}: every module is reloaded three times under load; nothing is lost, refused or answered twice, over HTTP neither`, {
    skip: db === 'mysql' && mariadbMissing,
  }, async (t) => {
    const { loadmodule = [], modparam = [], ...where } = await databaseOf(db);
    const http = await freePort();
    await checkout.serve({
      ...where,
      core: patient,
      loadmodule: [...loadmodule, 'presence_dialoginfo', 'xhttp', 'prometheus'],
      modparam: [...modparam, ['xhttp', 'listen', http]],
    });
    await underLoad();
    poll = await Poll.start(http, ['/healthz', '/readyz', '/metrics']);
    const modules = ((await checkout.ask('modules')) as unknown as { module: string }[]).map(({ module }) => module);
    assert.ok(modules.includes('presence_xml') && modules.includes('xhttp'));
    assert.ok(modules.includes(db === 'memory' ? 'prometheus' : `db_${db}`));
    let pause = 0;
    for (let round = 0; round < 3; round++) {
      for (const module of modules) {
        const { pause_ms } = await checkout.ask('reload', module);
        pause = Math.max(pause, Number(pause_ms));
        await operations(20);
      }
    }
    await poll.stop();
    assert.deepEqual(poll.faults, []);
    assert.ok(poll.answers > 0);
    const { slowest, operations: made, notifies, retransmitted } = await endLoad();
    t.diagnostic(
      `${made} operations, ${notifies} NOTIFYs, ${poll.answers} HTTP answers, ${3 * modules.length} reloads: longest pause ${pause} ms, longest answer ${slowest} ms, ${retransmitted} sent again`,
    );
    assert.equal(await checkout.stop(), 0);
  });
}

test('an edit deep inside a module is compiled and runs from the next request on, under load', async () => {
  await checkout.serve({ db: 'sqlite', core: patient });
  await underLoad();
  checkout.edit('modules/presence/notify/message.ts', '`${userAgent', '`X-Edited: yes\\r\\n${userAgent');
  const result = await checkout.ask('reload', 'presence');
  assert.equal(result.module, 'presence');
  await operations(200);
  assert.equal(load?.lastNotified('X-Edited'), 'yes');
  await endLoad();
});

for (const [what, broken, message] of [
  ['does not parse', 'export const = 1;\n', /modules\/presence\/notify\/outbox\.ts:\d+:\d+: /],
  [
    'has a type error',
    'export const wrong: number = "x";\n',
    /modules\/presence\/notify\/outbox\.ts:\d+:\d+: Type 'string'/,
  ],
  [
    'throws when it is loaded',
    'throw new Error("not today");\n',
    /not today \(.*modules\/presence\/notify\/outbox\.[tj]s:\d+/,
  ],
] as const) {
  test(`an edit that ${what} is refused with its line, and nothing is lost`, async () => {
    await checkout.serve({ db: 'sqlite', core: patient });
    await underLoad();
    checkout.append('modules/presence/notify/outbox.ts', broken);
    await assert.rejects(checkout.ask('reload', 'presence'), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
    await operations(100);
    checkout.restore();
    await checkout.ask('reload', 'presence');
    await operations(100);
    await endLoad();
  });
}

test('a setup that throws, and a function that is gone, leave the old module with all its state', async () => {
  await checkout.serve({ db: 'memory', core: patient });
  await underLoad();
  checkout.edit('modules/presence/index.ts', 'await presence.store.prepare();', "throw new Error('no room');");
  await assert.rejects(
    checkout.ask('reload', 'presence'),
    /module presence cannot start: no room \(.*modules\/presence\/index\.ts:\d+/,
  );
  await operations(100);
  checkout.restore();
  checkout.edit('modules/presence/functions.ts', 'handle_publish: {', 'handle_publishes: {');
  await assert.rejects(
    checkout.ask('reload', 'presence'),
    /has no function handle_publish any more, and .*script\.ts calls it/,
  );
  await operations(100);
  await endLoad();
});

test('script and config are taken over under load, by command and by SIGHUP; a problem changes nothing', async () => {
  await checkout.serve({ db: 'sqlite', core: { ...patient, log_level: 'info' } });
  await underLoad();
  const script = join(checkout.scratch.folder, 'script.ts');
  const text = readFileSync(script, 'utf8');
  writeFileSync(script, `${text}\nexport const changed = 1;\n`);
  assert.match(String((await checkout.ask('reload', 'script')).script), /script\.ts$/);
  writeFileSync(script, text.replace('handle_publish', 'handle_publsh'));
  await assert.rejects(checkout.ask('reload', 'script'), /script\.ts:\d+:\d+: .*did you mean "handle_publish"/);
  writeFileSync(script, text);
  const config = readFileSync(checkout.scratch.config, 'utf8');
  assert.deepEqual((await checkout.ask('reload', 'config')).changed, ['script reloaded']);
  assert.deepEqual((await checkout.ask('reload', 'config')).changed, []);
  const more = config
    .replace('  - pike\n', '')
    .replace('listen:\n', 'listen:\n  - udp:127.0.0.1:0\n')
    .replace('modparam:\n', 'modparam:\n  - [presence, max_expires, 700]\n  - [presence, cache_size, 999]\n')
    .replace(/ {2}- - pike\n(?: {4}- .*\n)*/, '');
  writeFileSync(checkout.scratch.config, more);
  writeFileSync(
    script,
    text.replace("import { pike_check_req } from 'pike';\n", '').replace(/.*pike_check_req.*\n/, ''),
  );
  const { changed } = await checkout.ask('reload', 'config');
  assert.match(String(changed), /listens on udp:127\.0\.0\.1:\d+,.*presence reloaded: max_expires, cache_size changed/);
  await operations(100);
  writeFileSync(checkout.scratch.config, config.replace('loadmodule:\n', 'loadmodule:\n  - nonsense\n'));
  await assert.rejects(checkout.ask('reload', 'config'), /rollcall\.yaml:\d+:\d+: there is no module "nonsense"/);
  writeFileSync(checkout.scratch.config, config);
  writeFileSync(script, text);
  checkout.hangUp();
  while (!checkout.log.includes('presence reloaded: max_expires')) await operations(10);
  await operations(100);
  await endLoad();
});
