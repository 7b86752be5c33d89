// Owns one stream connection: cuts messages out of it, answers keep-alives, and ends it when the peer is slow, silent or deaf.
import type { Socket } from 'node:net';
import type { WheelTimer } from '../../base/wheel';
import { type Frame, findFrame, skipKeepAlive } from '../frame';
import { parseMessage } from '../message';
import { ByteQueue } from './bytes';
import type { Connection } from './connections';
import { bytesOf, type Endpoint, flowKey, type Outgoing, type Protocol, withoutZone } from './flow';
import { type Received, show, type TransportHost } from './protocol';

/** How long what is under way may still go out after the peer has closed its side or we have refused to go on, ms. */
const lingerMs = 2000;
const pong = Buffer.from('\r\n');

/** A connection of tcp or of a protocol that looks like it above its socket. */
export class StreamConnection implements Connection {
  readonly key: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #host: TransportHost;
  readonly #socket: Socket;
  readonly #queue = new ByteQueue();
  /** Bytes that have to be there before another look makes sense. */
  #needed = 1;
  /** What findFrame has looked through of an incomplete header block. */
  #searched = 0;
  /** Line feeds since the last message: two are a ping (RFC 5626 §3.5.1). */
  #lineFeeds = 0;
  /** Whether the peer still speaks: then it is worth sending new things to. */
  #open = true;
  #lastUsed: number;
  #messageTimer: WheelTimer | undefined;
  #idleTimer: WheelTimer;
  #lingerTimer: WheelTimer | undefined;

  /** @param socket connected; this object owns it from now on */
  constructor(
    host: TransportHost,
    readonly protocol: Protocol,
    socket: Socket,
    ends: { local: Endpoint; remote: Endpoint },
    accepted: boolean,
  ) {
    this.#host = host;
    this.#socket = socket;
    this.local = ends.local;
    this.remote = ends.remote;
    this.key = flowKey(protocol, ends.local, ends.remote);
    this.#lastUsed = host.wheel.now();
    this.#idleTimer = this.#idleAfter(host.limits.idleTimeout);
    // Whoever connects to us has something to say; whom we connect to has not.
    if (accepted) this.#startMessageTimer();
    // One message, one segment: libpurple takes a read for a message.
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#retire());
    socket.on('error', (error) => host.log.debug({ err: error, flow: this.key }, 'a connection broke'));
    socket.on('close', () => this.#closed());
    host.connections.add(this);
  }

  get open(): boolean {
    return this.#open;
  }

  /** Goes on working for a moment after the peer has closed its side, for the replies under way. */
  send(message: Outgoing, onError?: (error: Error) => void): void {
    const bytes = bytesOf(message);
    if (!this.#socket.writable) {
      this.#failed(new Error('the connection is closed'), onError);
      return;
    }
    if (this.#socket.writableLength + bytes.length > this.#host.limits.maxQueuedBytes) {
      this.#failed(new Error('the peer does not read'), onError);
      this.#drop('it does not read');
      return;
    }
    this.#host.counters.sent++;
    if (this.#host.onlookers.size > 0) show(this.#host.onlookers, this.protocol, this.remote, bytes);
    this.#lastUsed = this.#host.wheel.now();
    this.#socket.write(bytes, (error) => {
      if (error) this.#failed(error, onError);
    });
  }

  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }

  #receive(chunk: Buffer): void {
    // After a refusal what still comes is read, lest the kernel answer it with a reset that overtakes our reply.
    if (!this.#open) return;
    this.#lastUsed = this.#host.wheel.now();
    this.#queue.append(chunk);
    if (this.#queue.length < this.#needed) return;
    const bytes = this.#queue.view();
    let position = 0;
    let taken = 0;
    while (this.#open) {
      if (this.#searched === 0) position = this.#skipKeepAlive(bytes, position);
      if (position === bytes.length) break;
      const frame = findFrame(bytes, position, this.#searched, this.#host.limits);
      if (frame.kind === 'incomplete') {
        this.#searched = frame.searched;
        this.#needed = bytes.length - position + 1;
        break;
      }
      const next = this.#take(frame, bytes);
      if (next === undefined) break;
      position = next;
      taken++;
    }
    if (!this.#open) return;
    this.#queue.consume(position);
    this.#watch(taken > 0);
  }

  /** @returns where the next message starts; undefined when the body is not all there, or the connection is refused */
  #take(frame: Exclude<Frame, { kind: 'incomplete' }>, bytes: Buffer): number | undefined {
    const head = bytes.subarray(frame.start, frame.headEnd);
    if (frame.kind === 'bad') {
      this.#refuse(head, frame.error.status, frame.error.reason);
      return undefined;
    }
    if (frame.contentLength > this.#host.limits.maxBodyBytes) {
      this.#refuse(head, 413, 'Request Entity Too Large');
      return undefined;
    }
    const end = frame.headEnd + frame.contentLength;
    if (end > bytes.length) {
      this.#needed = end - frame.start;
      this.#searched = 0;
      return undefined;
    }
    this.#searched = 0;
    this.#needed = 1;
    this.#lineFeeds = 0;
    const parsed = parseMessage(bytes.subarray(frame.start, end), this.#host.limits);
    if (parsed.kind === 'noise') return end;
    // RFC 3261 §18.3: a stream has no other way to say where a message ends.
    if (parsed.kind !== 'bad' && parsed.message.header('Content-Length') === undefined) {
      this.#refuse(head, 400, 'Missing Content-Length');
      return undefined;
    }
    this.#deliver(parsed);
    return end;
  }

  #skipKeepAlive(bytes: Buffer, from: number): number {
    const end = skipKeepAlive(bytes, from);
    for (let i = from; i < end; i++) if (bytes[i] === 0x0a) this.#lineFeeds++;
    if (end > from) this.#host.counters.noise++;
    if (this.#lineFeeds >= 2) {
      this.#lineFeeds = 0;
      // One for all that came in one read: pings are answered, not counted.
      this.send(pong);
    }
    return end;
  }

  #deliver(parsed: Received): void {
    this.#host.counters.received++;
    const source = { address: withoutZone(this.remote.address), port: this.remote.port };
    if (parsed.kind === 'request') parsed.message.source = source;
    if (parsed.kind === 'bad') {
      this.#host.counters.bad++;
      if (parsed.replyTo) parsed.replyTo.source = source;
    }
    this.#host.received(parsed, this);
  }

  /** Answers, if the head is good for that, and ends: nobody knows where the next message would start. */
  #refuse(head: Buffer, status: number, reason: string): void {
    const parsed = parseMessage(head, this.#host.limits);
    const replyTo = parsed.kind === 'request' ? parsed.message : parsed.kind === 'bad' ? parsed.replyTo : undefined;
    this.#deliver({ kind: 'bad', status, reason, replyTo: replyTo?.method === 'ACK' ? undefined : replyTo });
    this.#host.counters.dropped++;
    this.#socket.end();
    this.#retire();
  }

  /** The peer has closed its side, or was refused: replies under way may go out, then it is over. */
  #retire(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stopTimers();
    this.#lingerTimer = this.#host.wheel.after(lingerMs, () => this.destroy());
    this.#host.connections.retire(this);
  }

  /** A message that has begun has its time, whatever came before it. */
  #watch(progress: boolean): void {
    if (this.#messageTimer && progress) {
      this.#host.wheel.cancel(this.#messageTimer);
      this.#messageTimer = undefined;
    }
    if (this.#queue.length > 0 && !this.#messageTimer) this.#startMessageTimer();
  }

  #startMessageTimer(): void {
    this.#messageTimer = this.#host.wheel.after(this.#host.limits.messageTimeout, () =>
      this.#drop('a message takes too long'),
    );
  }

  #idleAfter(ms: number): WheelTimer {
    return this.#host.wheel.after(ms, () => {
      const left = this.#lastUsed + this.#host.limits.idleTimeout - this.#host.wheel.now();
      if (left <= 0) this.#drop('it is idle');
      else this.#idleTimer = this.#idleAfter(left);
    });
  }

  #drop(why: string): void {
    this.#host.counters.dropped++;
    this.#host.log.debug({ flow: this.key }, `dropped a connection: ${why}`);
    this.destroy();
  }

  #failed(error: Error, onError: ((error: Error) => void) | undefined): void {
    this.#host.counters.sendFailures++;
    if (onError) setImmediate(onError, error);
  }

  #closed(): void {
    this.#open = false;
    this.#stopTimers();
    if (this.#lingerTimer) this.#host.wheel.cancel(this.#lingerTimer);
    this.#host.connections.retire(this);
    this.#host.connections.release(this);
  }

  #stopTimers(): void {
    this.#host.wheel.cancel(this.#idleTimer);
    if (this.#messageTimer) this.#host.wheel.cancel(this.#messageTimer);
  }
}
