// Tests overload over sockets, with a database that somebody holds: who is refused meanwhile, who waits, and that nobody is lost.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { RawPeer } from '../support/raw-peer';
import { startRollcall } from '../support/rollcall';
import { pidf, type WireMessage } from '../support/wire';

const bound = 10;
const folder = mkdtempSync(join(tmpdir(), 'rollcall-overload-'));
const file = join(folder, 'rollcall.db');
let server: Awaited<ReturnType<typeof startRollcall>>;
let peer: RawPeer;

before(async () => {
  server = await startRollcall({
    loadmodule: ['db_sqlite'],
    modparam: [
      ['presence', 'db_url', `sqlite:${file}`],
      ['db_sqlite', 'busy_timeout', 60_000],
    ],
    core: { overload_requests: bound, overload_retry_after: 4 },
  });
  peer = await RawPeer.open('udp', server.at('udp'));
});
after(async () => {
  peer.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

function publish(user: string, etag?: string): Promise<WireMessage> {
  const uri = `sip:${user}@localhost`;
  if (etag !== undefined)
    return peer.ask({ method: 'PUBLISH', uri, headers: ['Event: presence', `SIP-If-Match: ${etag}`] });
  const headers = ['Event: presence', 'Content-Type: application/pidf+xml'];
  return peer.ask({ method: 'PUBLISH', uri, headers, body: pidf(uri, 'open') });
}

test('while the database is held new requests are refused, refreshes wait, OPTIONS is answered; then all is done', async () => {
  const etag = (await publish('alice')).header('SIP-ETag');
  const holder = new Sqlite(file);
  holder.exec('BEGIN IMMEDIATE');
  const answered: WireMessage[] = [];
  const asked = Array.from({ length: 100 }, (_, i) =>
    publish(`new${i}`).then((reply) => {
      answered.push(reply);
      return reply;
    }),
  );
  // What is refused is refused at once: it needs nobody.
  const settled = () => answered.length + server.running.sip.transactions.stats.working;
  while (settled() < asked.length) await new Promise((resolve) => setImmediate(resolve));
  const refused = answered.length;
  assert.ok(refused >= 100 - bound, `${refused} refused`);
  for (const reply of answered) {
    assert.equal(reply.startLine, 'SIP/2.0 503 Service Unavailable');
    assert.match(reply.header('Retry-After') ?? '', /^[2-6]$/);
  }
  assert.ok(new Set(answered.map((reply) => reply.header('Retry-After'))).size > 1, 'not all come back together');

  assert.equal((await peer.ask({ method: 'OPTIONS', uri: 'sip:localhost' })).status, 200);
  const refresh = publish('alice', etag);
  while (server.running.sip.transactions.stats.working < asked.length - refused + 1)
    await new Promise((resolve) => setImmediate(resolve));

  holder.exec('ROLLBACK');
  holder.close();
  assert.equal((await refresh).status, 200);
  const replies = await Promise.all(asked);
  assert.equal(replies.filter(({ status }) => status === 200).length, 100 - refused);
  assert.equal((await publish('late')).status, 200);
  assert.deepEqual(server.running.sip.transactions.overload.refused, { new: refused, known: 0 });
});
