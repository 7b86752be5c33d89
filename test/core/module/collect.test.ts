// Holds that a reload leaves nothing behind: the code and state of earlier lives of every module can be collected.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Load } from '../../support/load';
import { startRollcall, type TestServer } from '../../support/rollcall';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const rounds = 30;

let server: (TestServer & Awaited<ReturnType<typeof startRollcall>>) | undefined;
let load: Load | undefined;
afterEach(async () => {
  await load?.stop();
  await server?.stop();
});

/** Bytes in use when everything that can be collected has been. */
async function heapUsed(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

test(`every module is reloaded ${rounds} times under load: its earlier lives are gone, and the heap is as before`, async (t) => {
  const reloaded = await startRollcall({ db: 'sqlite' });
  server = reloaded;
  const { host, commands } = reloaded.running;
  load = new Load({ port: reloaded.at('udp').port, presentities: 10, watchers: 3, rate: 200 });
  await load.start();
  const names = host.modules.map(({ definition }) => definition.name);
  const lives = new Map<string, WeakRef<object>[]>(names.map((name) => [name, []]));
  const note = () => {
    for (const { definition } of host.modules) lives.get(definition.name)?.push(new WeakRef(definition));
  };
  for (const name of names) await commands.reload(name);
  const before = await heapUsed();
  for (let round = 0; round < rounds; round++) {
    note();
    for (const name of names) await commands.reload(name);
  }
  const report = await load.stop();
  load = undefined;
  assert.deepEqual(report.faults, []);
  const grown = (await heapUsed()) - before;
  const left = [...lives].map(
    ([name, refs]) => [name, refs.filter((ref) => ref.deref() !== undefined).length] as const,
  );
  t.diagnostic(
    `${rounds * names.length} reloads: heap ${Math.round(grown / 1024)} KiB more, lives left: ${left.map(([name, count]) => `${name} ${count}`).join(', ')}`,
  );
  // What presence composed with the last life of presence_xml is kept until it composes anew.
  assert.deepEqual(
    left.filter(([, count]) => count > 1),
    [],
  );
  assert.ok(grown < 8 * 2 ** 20, `the heap has grown by ${grown} bytes`);
});
