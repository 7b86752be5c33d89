// Owns the replies kept for retransmitted requests: packed bytes in the order of time, so that a flood costs bytes and no objects.
import type { TimerWheel, WheelTimer } from '../../base/wheel';

const segmentBytes = 64 * 1024;
/** A segment takes replies for so long, ms; then the next is begun, however full it is. */
const segmentSpan = 1000;
const maxPerSegment = 1024;
/** One Map of 300,000 keys stops the loop for 45 ms when it has to grow; 64 small ones grow unnoticed. */
const shardCount = 64;

interface Segment {
  readonly serial: number;
  readonly opened: number;
  readonly bytes: Buffer;
  readonly keys: string[];
  /** Where reply i ends; it begins where reply i-1 ends. */
  readonly ends: number[];
  readonly timer: WheelTimer;
}

/**
 * Replies by transaction key. All are kept equally long, so the oldest always go first: they are copied one after the
 * other into segments of 64 KiB, a segment has one timer for all it holds, and the map holds one number for each reply
 * (segment and index). A stored reply is its bytes, its key, and some 60 bytes beside.
 */
export class ReplyStore {
  readonly #wheel: TimerWheel;
  readonly #lifetime: number;
  readonly #maxReplies: number;
  readonly #maxBytes: number;
  readonly #shards: readonly Map<string, number>[] = Array.from({ length: shardCount }, () => new Map());
  readonly #segments = new Map<number, Segment>();
  #current: Segment | undefined;
  #serial = 0;
  #size = 0;
  #bytes = 0;

  /** @param options.lifetime ms that every reply is kept, up to one second more; earlier goes what is over a bound, oldest first */
  constructor(wheel: TimerWheel, options: { lifetime: number; maxReplies: number; maxBytes: number }) {
    this.#wheel = wheel;
    this.#lifetime = options.lifetime;
    this.#maxReplies = options.maxReplies;
    this.#maxBytes = options.maxBytes;
  }

  /** How many replies are kept. */
  get size(): number {
    return this.#size;
  }

  /** Bytes set aside for replies. */
  get bytes(): number {
    return this.#bytes;
  }

  find(key: string): Buffer | undefined {
    const place = this.#shard(key).get(key);
    if (place === undefined) return undefined;
    const segment = this.#segments.get(Math.floor(place / maxPerSegment));
    if (!segment) return undefined;
    const index = place % maxPerSegment;
    return segment.bytes.subarray(index === 0 ? 0 : segment.ends[index - 1], segment.ends[index]);
  }

  has(key: string): boolean {
    return this.#shard(key).has(key);
  }

  /** Keeps a copy. The key must not be kept already. */
  add(key: string, reply: Buffer): void {
    const segment = this.#segmentFor(reply.length);
    const index = segment.keys.length;
    const start = segment.ends[index - 1] ?? 0;
    reply.copy(segment.bytes, start);
    segment.ends.push(start + reply.length);
    segment.keys.push(key);
    this.#shard(key).set(key, segment.serial * maxPerSegment + index);
    this.#size++;
    while ((this.#size > this.#maxReplies || this.#bytes > this.#maxBytes) && this.#segments.size > 1)
      this.#dropOldest();
  }

  #segmentFor(length: number): Segment {
    const current = this.#current;
    const now = this.#wheel.now();
    if (
      current &&
      now - current.opened < segmentSpan &&
      current.keys.length < maxPerSegment &&
      (current.ends.at(-1) ?? 0) + length <= current.bytes.length
    ) {
      return current;
    }
    const segment: Segment = {
      serial: this.#serial++,
      opened: now,
      bytes: Buffer.allocUnsafeSlow(Math.max(segmentBytes, length)),
      keys: [],
      ends: [],
      timer: this.#wheel.after(this.#lifetime + segmentSpan, () => this.#drop(segment)),
    };
    this.#segments.set(segment.serial, segment);
    this.#bytes += segment.bytes.length;
    this.#current = segment;
    return segment;
  }

  #dropOldest(): void {
    for (const segment of this.#segments.values()) {
      this.#wheel.cancel(segment.timer);
      this.#drop(segment);
      return;
    }
  }

  #drop(segment: Segment): void {
    this.#segments.delete(segment.serial);
    if (this.#current === segment) this.#current = undefined;
    for (const key of segment.keys) this.#shard(key).delete(key);
    this.#size -= segment.keys.length;
    this.#bytes -= segment.bytes.length;
  }

  /** By the end of the key, where the branch is, the part that differs most. */
  #shard(key: string): Map<string, number> {
    let hash = 0;
    for (let i = Math.max(0, key.length - 4); i < key.length; i++) hash = (hash * 31 + key.charCodeAt(i)) % 65521;
    return this.#shards[hash % shardCount] as Map<string, number>;
  }
}
