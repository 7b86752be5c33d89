// Owns the replies kept for retransmitted requests: packed bytes in the order of time, so that a flood costs bytes and no objects.
import type { TimerWheel, WheelTimer } from '../../base/wheel';
import type { TransactionKey } from './key';

const segmentBytes = 64 * 1024;
/**
 * Segments that are kept for those to come. Memory outside of V8's heap that comes and goes makes V8 collect all of the heap at each 64 MiB
 * of it, however large the heap is.
 */
const mostSpare = 16;
/** A segment takes replies for so long, ms; then the next is begun, however full it is. */
const segmentSpan = 1000;

interface Segment {
  /** The replies up to here (exclusive) are in this segment or in earlier ones. */
  end: number;
  readonly opened: number;
  readonly bytes: Buffer;
  /** How much of it is taken. */
  used: number;
  readonly timer: WheelTimer;
}

/**
 * Replies by transaction key. All are kept equally long, so the oldest always go first, and replies can have numbers that
 * count up: those from `#oldest` to before `#next` are kept. Key and bytes are copied one after the other into segments
 * of 64 KiB, with one timer a segment; where each lies is in typed arrays that are used in a circle: an array of references
 * would be for V8 to walk, and would grow until the circle closes for the first time, minutes after the start. A bucket holds the number
 * of its newest reply and each reply the distance to the one before, so that nothing has to be taken out of a bucket: the
 * walk ends at the first that is no longer kept. No object is made for a reply, and none is left for the garbage collector.
 */
export class ReplyStore {
  readonly #wheel: TimerWheel;
  readonly #lifetime: number;
  readonly #maxReplies: number;
  readonly #maxBytes: number;
  /** Places of the circle - 1. Pages that are not reached are never touched. */
  readonly #mask: number;
  readonly #heads: Float64Array;
  readonly #hashes: Int32Array;
  readonly #distances: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #keyLengths: Uint16Array;
  readonly #lengths: Uint32Array;
  /** Numbers of segments, which count up as well and go round at 2^32. */
  readonly #segmentOf: Uint32Array;
  /** Oldest first. */
  #segments: Segment[] = [];
  readonly #spare: Buffer[] = [];
  /** The number of the oldest segment. */
  #oldestSegment = 0;
  #oldest = 1;
  #next = 1;
  #bytes = 0;

  /** @param options.lifetime ms that every reply is kept, up to one second more; earlier goes what is over a bound, oldest first */
  constructor(wheel: TimerWheel, options: { lifetime: number; maxReplies: number; maxBytes: number }) {
    this.#wheel = wheel;
    this.#lifetime = options.lifetime;
    this.#maxReplies = options.maxReplies;
    this.#maxBytes = options.maxBytes;
    const places = 2 ** Math.ceil(Math.log2(options.maxReplies + 1));
    this.#mask = places - 1;
    this.#heads = new Float64Array(places);
    this.#hashes = new Int32Array(places);
    this.#distances = new Uint32Array(places);
    this.#offsets = new Uint32Array(places);
    this.#keyLengths = new Uint16Array(places);
    this.#lengths = new Uint32Array(places);
    this.#segmentOf = new Uint32Array(places);
  }

  /** How many replies are kept. */
  get size(): number {
    return this.#next - this.#oldest;
  }

  /** Bytes set aside for replies. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A copy: where it lies others may come to lie. */
  find(key: TransactionKey): Buffer | undefined {
    const number = this.#find(key);
    if (number === 0) return undefined;
    const place = number & this.#mask;
    const start = (this.#offsets[place] as number) + (this.#keyLengths[place] as number);
    const bytes = this.#segmentAt(place)?.bytes.subarray(start, start + (this.#lengths[place] as number));
    return bytes && Buffer.from(bytes);
  }

  has(key: TransactionKey): boolean {
    return this.#find(key) !== 0;
  }

  /** Keeps a copy. The key must not be kept already; it is header text of less than 2^16 characters. */
  add({ text, hash }: TransactionKey, reply: Buffer): void {
    if (this.size >= this.#maxReplies) this.#dropOldest();
    const segment = this.#segmentFor(text.length + reply.length);
    const number = this.#next++;
    const place = number & this.#mask;
    const bucket = hash & this.#mask;
    this.#hashes[place] = hash;
    this.#distances[place] = Math.min(number - (this.#heads[bucket] as number), 0xffffffff);
    this.#heads[bucket] = number;
    this.#offsets[place] = segment.used;
    this.#keyLengths[place] = text.length;
    this.#lengths[place] = reply.length;
    this.#segmentOf[place] = this.#oldestSegment + this.#segments.length - 1;
    segment.used += segment.bytes.write(text, segment.used, 'latin1');
    segment.bytes.set(reply, segment.used);
    segment.used += reply.length;
    segment.end = this.#next;
    while (this.#bytes > this.#maxBytes && this.#segments.length > 1) this.#dropOldest();
  }

  /** The number of a reply, or 0. */
  #find({ text, hash }: TransactionKey): number {
    let number = this.#heads[hash & this.#mask] as number;
    while (number >= this.#oldest) {
      const place = number & this.#mask;
      if (this.#hashes[place] === hash && this.#keyAt(place) === text) return number;
      number -= this.#distances[place] as number;
    }
    return 0;
  }

  #keyAt(place: number): string | undefined {
    const start = this.#offsets[place] as number;
    return this.#segmentAt(place)?.bytes.toString('latin1', start, start + (this.#keyLengths[place] as number));
  }

  #segmentAt(place: number): Segment | undefined {
    return this.#segments[((this.#segmentOf[place] as number) - this.#oldestSegment) >>> 0];
  }

  #segmentFor(length: number): Segment {
    const current = this.#segments.at(-1);
    const now = this.#wheel.now();
    if (current && now - current.opened < segmentSpan && current.used + length <= current.bytes.length) return current;
    const segment: Segment = {
      end: this.#next,
      opened: now,
      bytes:
        length > segmentBytes
          ? Buffer.allocUnsafeSlow(length)
          : (this.#spare.pop() ?? Buffer.allocUnsafeSlow(segmentBytes)),
      used: 0,
      timer: this.#wheel.after(this.#lifetime + segmentSpan, () => this.#dropThrough(segment)),
    };
    this.#segments.push(segment);
    this.#bytes += segment.bytes.length;
    return segment;
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift();
    if (!oldest) return;
    this.#oldestSegment++;
    this.#wheel.cancel(oldest.timer);
    this.#oldest = oldest.end;
    this.#bytes -= oldest.bytes.length;
    if (oldest.bytes.length === segmentBytes && this.#spare.length < mostSpare) this.#spare.push(oldest.bytes);
  }

  #dropThrough(segment: Segment): void {
    while (this.#segments.includes(segment)) this.#dropOldest();
  }
}
