// Holds that a reload leaves nothing behind: the code and state of earlier lives of every module can be collected.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { patient } from '../../support/checkout';
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

/** Bytes in use when everything that can be collected has been: what the engine has learned about calls goes when it has not been used for some collections. */
async function heapUsed(): Promise<number> {
  for (let i = 0; i < 25; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

test(`every module is reloaded ${rounds} times under load: its earlier lives are gone, and the heap is as before`, async (t) => {
  const reloaded = await startRollcall({
    db: 'sqlite',
    core: patient,
    loadmodule: ['presence_dialoginfo', 'xhttp', 'prometheus'],
    modparam: [['xhttp', 'listen', 0]],
  });
  server = reloaded;
  const { host, commands } = reloaded.running;
  load = new Load({ port: reloaded.at('udp').port, presentities: 10, watchers: 3, rate: 200 });
  await load.start();
  const names = host.modules.map(({ definition }) => definition.name);
  const lives = new Map(names.map((name) => [name, new Map<string, WeakRef<object>[]>()]));
  // What every file of a module exports: a closure that somebody still holds leads to some of them.
  const note = () => {
    for (const file of Object.values(require.cache)) {
      const name = /\/modules\/([^/]+)\//.exec(file?.filename ?? '')?.[1] ?? '';
      const files = lives.get(name);
      if (!file || !files) continue;
      const refs = files.get(file.filename);
      if (refs) refs.push(new WeakRef(file.exports));
      else files.set(file.filename, [new WeakRef(file.exports)]);
    }
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
  const left = [...lives].map(([name, files]) => {
    const counts = [...files.values()].map((refs) => refs.filter((ref) => ref.deref() !== undefined).length);
    return [name, Math.max(...counts)] as const;
  });
  const told = left.map(([name, count]) => `${name} ${count}`).join(', ');
  t.diagnostic(`${rounds * names.length} reloads: heap ${Math.round(grown / 1024)} KiB more, lives left: ${told}`);
  // Code that runs all the while may still have learned about the last few.
  assert.deepEqual(
    left.filter(([, count]) => count > 3),
    [],
  );
  assert.ok(grown < 8 * 2 ** 20, `the heap has grown by ${grown} bytes`);
});
