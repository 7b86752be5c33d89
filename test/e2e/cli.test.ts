// Tests the client commands as a newcomer runs them: real processes against a real server, ended with Ctrl-C.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Command } from '../support/command';
import { freePort } from '../support/ports';
import { RollcallProcess } from '../support/rollcall';

describe('bin/rollcall publish and watch', () => {
  let server: RollcallProcess;
  before(async () => {
    server = await RollcallProcess.start({ core: { log_level: 'error' } });
  });
  after(() => server.stop());

  for (const transport of ['udp', 'tcp']) {
    test(`a watcher over ${transport} sees a publication come, and go with Ctrl-C`, async () => {
      const where = ['--server', `127.0.0.1:${server.port}`, '--transport', transport];
      const alice = `sip:alice-${transport}@localhost`;
      const watching = new Command('watch', alice, ...where);
      await watching.shows(/active {2}closed/);
      const winfo = new Command('watch', alice, '--winfo', ...where);
      await winfo.shows(/full list, version 0\n {10}sip:\S+ {2}active \(subscribe\)/);
      const publishing = new Command('publish', alice, '--note', 'hi', '--activity', 'meeting', ...where);
      await publishing.shows(/200 OK: kept for 3600 s under the entity-tag \S+\nRefreshing it until Ctrl-C\./);
      await watching.shows(/active {2}open {2}"hi" {2}meeting/);
      assert.equal(await publishing.interrupt(), 0);
      assert.match(publishing.output, /Removed\./);
      await watching.shows(/meeting\n.*active {2}closed/);
      assert.equal(await watching.interrupt(), 0);
      assert.match(watching.output, /terminated \(timeout\)/);
      await winfo.shows(/full list, version 1/);
      assert.equal(await winfo.interrupt(), 0);
    });
  }

  test('where no server answers, both say how to start one', async () => {
    const port = await freePort();
    for (const command of ['publish', 'watch']) {
      const running = new Command(command, 'sip:alice@localhost', '--server', `127.0.0.1:${port}`);
      assert.equal(await running.exit, 1);
      assert.match(running.output, /nothing answers on udp:127\.0\.0\.1:\d+/);
      assert.match(running.output, /npm start/);
    }
  });
});
