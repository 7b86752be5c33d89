// Owns the set-up of the socket tests: a transport layer on loopback, on a clock that the test moves, and what it received.
import net from 'node:net';
import type { TestContext } from 'node:test';
import { silentLogger } from '../../../../core/base/logger';
import { TimerWheel } from '../../../../core/base/wheel';
import { buildReply } from '../../../../core/sip/reply';
import type { Flow, Protocol } from '../../../../core/sip/transport/flow';
import { type ListenPoint, type Received, TransportLayer } from '../../../../core/sip/transport/layer';
import type { TransportLimits } from '../../../../core/sip/transport/limits';
import { loadAddon } from '../../../../core/sip/transport/udp-addon';
import type { UdpWays } from '../../../../core/sip/transport/udp-batch';
import { ManualClock } from '../../../support/clock';
import { RawPeer } from '../../../support/raw-peer';
import { requestText } from '../../../support/wire';

export interface Arrival {
  readonly received: Received;
  readonly flow: Flow;
}

export interface Harness {
  readonly transports: TransportLayer;
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  readonly arrivals: Arrival[];
  listen(protocol: Protocol, address?: string): Promise<ListenPoint>;
  peer(point: { protocol: string; address: string; port: number }): Promise<RawPeer>;
  /** Arrival number `index`, once it is there. */
  arrival(index: number): Promise<Arrival>;
}

const withoutAddon = 'missing' in loadAddon() && process.env.CI === undefined;

/** The kinds of UDP sockets, and whether tests of one are left out: in CI none are. */
export const udpSocketKinds = [
  { kind: 'in batches', ways: { batching: true, bundling: false, gather: 0 }, skip: withoutAddon },
  { kind: 'in bundles, gathered', ways: { batching: true, bundling: true, gather: 2 }, skip: withoutAddon },
  { kind: 'one by one', ways: { batching: false, bundling: false, gather: 0 }, skip: false },
] as const;

/** Everything opened here is closed when the test ends. */
export function harness(t: TestContext, limits: Partial<TransportLimits> = {}, udp?: UdpWays): Harness {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, { log: silentLogger });
  clock.onTick(() => wheel.advance());
  const transports = new TransportLayer({ log: silentLogger, wheel, limits, ...(udp && { udp }) });
  const arrivals: Arrival[] = [];
  transports.onMessage((received, flow) => {
    arrivals.push({ received, flow });
  });
  t.after(() => transports.close());
  return {
    transports,
    clock,
    wheel,
    arrivals,
    listen: (protocol, address = '127.0.0.1') => transports.listen({ protocol, address, port: 0 }),
    async peer(point) {
      const peer = await RawPeer.open(point.protocol === 'udp' ? 'udp' : 'tcp', point);
      t.after(() => peer.close());
      return peer;
    },
    async arrival(index) {
      await until(() => arrivals.length > index, `message ${index + 1}`);
      return arrivals[index] as Arrival;
    },
  };
}

/** Turns the event loop until the condition holds. The bound only makes a broken server fail instead of hanging. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A bare server that collects what comes over its connections. */
export async function streamServer(
  t: TestContext,
  options: { allowHalfOpen?: boolean } = {},
): Promise<{ port: number; sockets: net.Socket[]; chunks: string[] }> {
  const sockets: net.Socket[] = [];
  const chunks: string[] = [];
  const server = net.createServer(options, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => chunks.push(bytes.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  return { port: bound !== null && typeof bound === 'object' ? bound.port : 0, sockets, chunks };
}

/** A request of a peer whose Via is `via`. */
export function message(via: string, parts: Partial<Parameters<typeof requestText>[0]> = {}): string {
  return requestText({ method: 'PUBLISH', uri: 'sip:alice@localhost', via, ...parts });
}

/** A peer on a tcp connection, to a layer whose bad messages are answered as the transaction layer does it. */
export async function connected(t: TestContext, limits: Partial<TransportLimits> = {}, address = '127.0.0.1') {
  const h = harness(t, limits);
  h.transports.onMessage((received, flow) => {
    h.arrivals.push({ received, flow });
    if (received.kind === 'bad' && received.replyTo) {
      flow.send(buildReply(received.replyTo, received.status, received.reason));
    }
  });
  const point = await h.listen('tcp', address);
  const peer = await h.peer(point);
  await until(() => h.transports.stats.connections > 0, 'the connection');
  return { h, point, peer };
}
