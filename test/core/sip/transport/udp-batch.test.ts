// Owns what the compiled addon promises: nothing lost, mixed up or written over, whatever is sent at once; memory is kept in bounds.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { silentLogger } from '../../../../core/base/logger';
import type { Endpoint } from '../../../../core/sip/transport/flow';
import { type UdpWays, udpSockets } from '../../../../core/sip/transport/udp-batch';
import type { Peer, UdpSocket } from '../../../../core/sip/transport/udp-socket';
import { Scratch } from '../../../support/scratch';
import { root } from '../../../support/tree';
import { udpSocketKinds, until } from './harness';

const native = join(root, 'core/sip/transport/native');
const skip = udpSocketKinds[0].skip;

class Remote implements Peer {
  packed: readonly number[] | undefined = undefined;
  constructor(readonly remote: Endpoint) {}
}

interface Arrival {
  readonly bytes: Buffer;
  readonly from: Remote;
}

/** A batched socket, and what came and failed on it. `each` sees what comes, and may close. */
async function open(
  t: TestContext,
  ways: UdpWays,
  address = '127.0.0.1',
  each: (arrival: Arrival, socket: UdpSocket, close: () => void) => void = () => {},
) {
  const arrivals: Arrival[] = [];
  const failures: string[] = [];
  let open = true;
  const close = () => {
    if (open) socket.close();
    open = false;
  };
  const socket = await udpSockets(ways, silentLogger)(address, 0, {
    peer: (remote) => new Remote(remote),
    received(bytes, from: Remote) {
      arrivals.push({ bytes, from });
      each({ bytes, from }, socket, close);
    },
    failed(error, onError) {
      failures.push(error.message);
      if (onError) setImmediate(onError, error);
    },
    troubled(error) {
      throw error;
    },
  });
  t.after(close);
  return { socket, arrivals, failures, close };
}

/** A socket of Node's own. */
async function plain(t: TestContext, address = '127.0.0.1') {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const received: Buffer[] = [];
  socket.on('message', (bytes) => received.push(bytes));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  socket.setRecvBufferSize(4 * 1024 * 1024);
  t.after(() => socket.close());
  return { socket, received, remote: new Remote({ address, port: socket.address().port }) };
}

/** Bytes that tell which they are. */
function pattern(number: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (number * 31 + i) & 0xff));
}

const sizes = [0, 1, 7, 700, 1200, 65_507];

for (const { kind, ways, skip } of udpSocketKinds.filter((sockets) => sockets.ways.batching)) {
  describe(`a socket that goes ${kind}`, { skip }, () => {
    for (const address of ['127.0.0.1', '::1']) {
      it(`gives every datagram of several peers over ${address} whole, in order, with its source, and leaves it alone`, async (t) => {
        const { socket, arrivals } = await open(t, ways, address);
        const peers = await Promise.all(Array.from({ length: 5 }, () => plain(t, address)));
        const sent = new Map<number, Buffer[]>();
        for (let round = 0; round < 60; round++) {
          const before = arrivals.length;
          for (const [index, peer] of peers.entries()) {
            const bytes = pattern(round * 5 + index, sizes[(round + index) % sizes.length] ?? 0);
            sent.set(peer.remote.remote.port, [...(sent.get(peer.remote.remote.port) ?? []), bytes]);
            peer.socket.send(bytes, socket.port, address);
          }
          await until(() => arrivals.length === before + peers.length, `round ${round}`);
        }
        for (const { remote } of peers) {
          const own = arrivals.filter(({ from }) => from.remote.port === remote.remote.port);
          // Compared after all have come: memory that was used twice would show.
          assert.deepEqual(
            own.map(({ bytes }) => bytes),
            sent.get(remote.remote.port),
          );
          assert.ok(own.every(({ from }) => from.remote.address === address));
          assert.equal(new Set(own.map(({ from }) => from)).size, 1, 'a peer is known again');
        }
      });
    }

    it('sends more than a batch and more than its memory in one turn, in order, as the bytes were when they were given', async (t) => {
      const { socket, failures } = await open(t, ways);
      const { received, remote } = await plain(t);
      const small = Buffer.alloc(800);
      for (let i = 0; i < 300; i++) socket.send(small.fill(i & 0xff), remote, undefined);
      await until(() => received.length === 300, '300 small ones');
      assert.deepEqual(
        received.map((bytes) => [bytes.length, bytes[0], bytes[799]]),
        Array.from({ length: 300 }, (_, i) => [800, i & 0xff, i & 0xff]),
      );
      received.length = 0;
      const large = Buffer.alloc(60_000);
      for (let i = 0; i < 9; i++) socket.send(large.fill(i), remote, undefined);
      await until(() => received.length === 9, '9 large ones');
      assert.deepEqual(
        received.map((bytes) => [bytes.length, bytes[0], bytes[59_999]]),
        Array.from({ length: 9 }, (_, i) => [60_000, i, i]),
      );
      assert.deepEqual(failures, []);
    });

    it('sends nothing before the end of the turn and everything at it', async (t) => {
      const { socket } = await open(t, ways);
      const { received, remote } = await plain(t);
      socket.send(Buffer.from('one'), remote, undefined);
      await Promise.resolve();
      socket.send(Buffer.from('two'), remote, undefined);
      await until(() => received.length === 2, 'both');
      assert.equal(Buffer.concat(received).toString(), 'onetwo');
    });

    it('tells who sent what the kernel refuses, and sends what is before and behind it', async (t) => {
      const { socket, failures } = await open(t, ways);
      const { received, remote } = await plain(t);
      const told: string[] = [];
      const send = (name: string, size: number) =>
        socket.send(Buffer.alloc(size, name), remote, (error) => told.push(`${name} ${error.message}`));
      send('a', 5);
      send('b', 65_530);
      send('c', 5);
      socket.send(Buffer.alloc(65_530), remote, undefined);
      send('d', 70_000);
      send('e', 5);
      await until(() => received.length === 3 && told.length === 2, 'three datagrams and two failures');
      assert.equal(Buffer.concat(received).toString(), 'aaaaaccccceeeee');
      assert.deepEqual(told.sort(), [`b send EMSGSIZE`, `d send EMSGSIZE 127.0.0.1:${remote.remote.port}`]);
      assert.equal(failures.length, 3);
    });

    it('answers a peer from within its datagram, and is closed there with what was sent on its way', async (t) => {
      const { socket: peer, received } = await plain(t);
      const { arrivals, socket } = await open(t, ways, '127.0.0.1', ({ bytes, from }, own, close) => {
        own.send(bytes, from, undefined);
        if (bytes.toString() === 'last') close();
      });
      for (const text of ['first', 'last']) peer.send(text, socket.port, '127.0.0.1');
      await until(() => received.length === 2, 'two answers');
      assert.equal(Buffer.concat(received).toString(), 'firstlast');
      assert.equal(arrivals.length, 2);
    });

    it('is closed with its thread, whether that ends by an exception in the middle of a batch or is stopped', async (t) => {
      const script = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { udpSockets } = require(workerData);
      udpSockets({ batching: true, bundling: true, gather: 0 }, { info() {} })('127.0.0.1', 0, {
        peer: (remote) => ({ remote, packed: undefined }),
        received(bytes) { throw new Error(bytes.toString()); },
      }).then((socket) => parentPort.postMessage(socket.port));`;
      const workerData = require.resolve('../../../../core/sip/transport/udp-batch');
      const { socket } = await plain(t);
      for (const how of ['throws', 'stops']) {
        const worker = new Worker(script, { eval: true, workerData });
        const port = await new Promise<number>((resolve) => worker.once('message', resolve));
        const errors: string[] = [];
        worker.once('error', (error) => errors.push(error.message));
        const ended = new Promise((resolve) => worker.once('exit', resolve));
        if (how === 'throws') for (let i = 0; i < 3; i++) socket.send('boom', port, '127.0.0.1');
        else await worker.terminate();
        await ended;
        assert.deepEqual(errors, how === 'throws' ? ['boom'] : []);
        const again = dgram.createSocket('udp4');
        await new Promise<void>((resolve) => again.bind(port, '127.0.0.1', resolve));
        again.close();
      }
    });
  });
}

describe('the addon', { skip }, () => {
  it('refuses what is not its own and arguments that are wrong, and names an address in use', () => {
    const { UdpSocket } = require(join(native, 'build/Release/rollcall_udp.node'));
    const words = [new Int32Array(2 + 64 * 9), new Int32Array(8 + 128 * 9), new Int32Array(256)];
    const memory = [...words, new Uint8Array(1000), new Uint8Array(70_000)];
    const nothing = () => undefined;
    const make = (...args: unknown[]) => new UdpSocket(...args);
    const code = (name: string) => ({ code: name });
    assert.throws(() => make(), code('EINVAL'));
    assert.throws(() => make('127.0.0.1', 0), code('EINVAL'));
    assert.throws(() => make('name', 0, false, 0, ...memory, nothing, nothing), code('EINVAL'));
    assert.throws(() => make('127.0.0.1', 65_536, false, 0, ...memory, nothing, nothing), code('EINVAL'));
    assert.throws(() => make('127.0.0.1', 0, false, 0, ...memory, nothing, 'x'), code('EINVAL'));
    assert.throws(() => make('127.0.0.1', 0, 1, 0, ...memory, nothing, nothing), code('EINVAL'));
    for (let i = 0; i < memory.length; i++) {
      for (const wrong of [undefined, new Int32Array(1), new Float64Array(9999), new Uint8Array(0), {}]) {
        assert.throws(
          () => make('127.0.0.1', 0, false, 0, ...memory.toSpliced(i, 1, wrong as never), nothing, nothing),
          code('EINVAL'),
        );
      }
    }
    const socket = make('127.0.0.1', 0, false, 0, ...memory, nothing, nothing);
    assert.throws(() => make('127.0.0.1', socket.port(), false, 0, ...memory, nothing, nothing), code('EADDRINUSE'));
    assert.throws(() => socket.print(0), code('EINVAL'));
    assert.throws(() => socket.buffer('x', 1), code('EINVAL'));
    assert.throws(() => socket.buffer(true, 2 ** 31), code('EINVAL'));
    assert.equal(socket.parse('x'.repeat(1000), 1), false);
    assert.equal(socket.parse('::1', 1), false);
    assert.throws(() => socket.flush.call({}), TypeError);
    socket.close();
    for (const call of ['flush', 'close', 'port', 'parse', 'print', 'buffer']) {
      assert.throws(() => socket[call](), code('EBADF'));
    }
  });

  it('reads what comes alone at once, and while much comes so far apart as it was told', (t) => {
    const program = built(t, 'gather-check.c', 'gather.c');
    if (program === undefined) return;
    const { status, stderr } = spawnSync(program, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  it('takes many datagrams that come one by one together, and closes while some wait', async (t) => {
    const turns = new Set<number>();
    let turn = 0;
    const gathering = { batching: true, bundling: false, gather: 20 };
    const { socket, arrivals, close } = await open(t, gathering, '127.0.0.1', () => turns.add(turn));
    socket.resize('receive', 4 * 1024 * 1024);
    const { socket: peer } = await plain(t);
    const sent = 400;
    for (let n = 0; n < sent; n++) {
      peer.send(String(n), socket.port, '127.0.0.1');
      await new Promise((resolve) => setImmediate(resolve));
      turn++;
    }
    await until(() => arrivals.length === sent, 'all that were sent');
    assert.deepEqual(
      arrivals.map(({ bytes }) => Number(bytes.toString())),
      Array.from({ length: sent }, (_, n) => n),
    );
    assert.ok(turns.size < sent / 4, `${sent} in ${turns.size} turns`);
    await new Promise<void>((resolve) => peer.send('late', socket.port, '127.0.0.1', () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
    close();
    const before = arrivals.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(arrivals.length, before, 'nothing comes from a closed socket');
  });

  it('keeps to its memory and loses nothing with a kernel that refuses, interrupts and fails by lot', (t) => {
    const program = built(t, 'batch-fuzz.c', 'batch.c', 'outgoing.c', 'address.c');
    if (program === undefined) return;
    const runs = ['1', '2'].map((seed) => spawnSync(program, ['400', seed], { encoding: 'utf8' }));
    for (const { status, stderr, stdout } of runs) {
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^\d{4,} sent, \d+ failed, \d{4,} received/);
    }
  });
});

/** A program in C with sources of the addon, under the sanitizers; undefined, the test being skipped, without a compiler. */
function built(t: TestContext, program: string, ...parts: readonly string[]): string | undefined {
  if (spawnSync('cc', ['--version']).error !== undefined && process.env.CI === undefined) {
    t.skip('no C compiler');
    return undefined;
  }
  const scratch = new Scratch();
  t.after(() => scratch.remove());
  const output = join(scratch.folder, 'program');
  const sources = [join(root, 'test/core/sip/transport/native', program), ...parts.map((part) => join(native, part))];
  const flags = ['-g', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', `-I${native}`];
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const compiled = spawnSync('cc', [...flags, ...sanitize, '-o', output, ...sources], { encoding: 'utf8' });
  assert.equal(compiled.status, 0, compiled.stderr);
  return output;
}
