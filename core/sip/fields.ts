// Owns the headers of a message: raw values by name, typed values read once and kept, and editing by routing scripts.
import { RollcallError, SipError } from '../base/errors';
import {
  type EventHeader,
  type MediaType,
  type NameAddr,
  readAccept,
  readContact,
  readContentType,
  readEvent,
  readNameAddr,
  readNameAddrs,
  readVia,
  readVias,
  splitCommas,
  type Via,
} from './headers';
import { HeaderLines, type Limits } from './lines';
import { H, headerName, numberOfName } from './names';
import { type ByteText, isToken, toBytes } from './text';
import { type CSeq, readCallId, readCSeq, readDelta, readHops } from './values';

export type { CSeq } from './values';

/** Typed values that were read already. A new one replaces it when the headers are edited. */
class Cache {
  from: NameAddr | undefined = undefined;
  to: NameAddr | undefined = undefined;
  callId: string | undefined = undefined;
  cseq: CSeq | undefined = undefined;
  via: Via | undefined = undefined;
  vias: Via[] | undefined = undefined;
  event: EventHeader | undefined = undefined;
  contacts: NameAddr[] | undefined = undefined;
}

/** Numbers of the headers that the cache holds values of. */
const cachedHeaders: ReadonlySet<number> = new Set([H.via, H.from, H.to, H.callId, H.cseq, H.event, H.contact]);

/** Makes a typed value of text[start, end); undefined when it is malformed. */
type Reader<T> = (source: ByteText, start: number, end: number) => T | undefined;

/**
 * Headers of a request or a response. Text is one character a byte, cut from the message when asked for.
 * Typed getters throw SipError 400 whose reason names the header when it is missing, repeated or malformed.
 */
export abstract class SipMessage {
  private lines: HeaderLines;
  private cache = new Cache();

  protected constructor(
    lines: HeaderLines,
    /** Offset of the start line in the text of `lines`. */
    private readonly startLine: number,
    readonly body: Buffer,
  ) {
    this.lines = lines;
  }

  /** Start line and headers as they stand, without the empty line. */
  get head(): string {
    return this.lines.textOf(0, this.lines.count).slice(this.startLine);
  }

  /** The first value of a header, unfolded and trimmed. Case does not matter, and a compact name is its long name. */
  header(name: string): string | undefined {
    const k = this.find(name, 0);
    return k === -1 ? undefined : this.lines.value(k);
  }

  /** The value of every line of a header, in order, not split at commas. */
  headers(name: string): string[] {
    let k = this.find(name, 0);
    if (k === -1) return [];
    const values = [this.lines.value(k)];
    while (true) {
      k = this.find(name, k + 1);
      if (k === -1) return values;
      values.push(this.lines.value(k));
    }
  }

  /** Whether a known header (the common ones) stands on more than one line. */
  isRepeated(name: string): boolean {
    return this.lines.repeatedOf(1 << numberOfName(name)) !== 0;
  }

  private find(name: string, from: number): number {
    const number = numberOfName(name);
    return number === 0
      ? this.lines.indexOfName(Buffer.from(name.toLowerCase(), 'latin1'), from)
      : this.lines.indexOf(number, from);
  }

  /** Hands the first value of a header to a scanner without making a string of it; undefined when there is none. */
  scan<T>(name: string, scanner: (source: ByteText, start: number, end: number) => T): T | undefined {
    const k = this.find(name, 0);
    return k === -1 ? undefined : this.lines.read(k, scanner);
  }

  /** The line of a header that may stand once at most; -1 when there is none. */
  private single(number: number): number {
    if (this.lines.repeatedOf(1 << number) !== 0) throw new SipError(400, `Repeated ${headerName(number)}`);
    return this.lines.indexOf(number);
  }

  /** The typed value of a header that may stand once at most; undefined when there is none. */
  private optional<T>(number: number, reader: Reader<T>): T | undefined {
    const k = this.single(number);
    return k === -1 ? undefined : valid(number, this.lines.read(k, reader));
  }

  private mandatory<T>(number: number, reader: Reader<T>): T {
    const value = this.optional(number, reader);
    if (value === undefined) throw new SipError(400, `Missing ${headerName(number)}`);
    return value;
  }

  /** Every value of a comma-separated header, over all its lines. */
  private list<T>(number: number, reader: Reader<T[]>): T[] {
    const items: T[] = [];
    for (let k = this.lines.indexOf(number); k !== -1; k = this.lines.indexOf(number, k + 1)) {
      for (const item of valid(number, this.lines.read(k, reader))) items.push(item);
    }
    return items;
  }

  get from(): NameAddr {
    this.cache.from ??= this.mandatory(H.from, readNameAddr);
    return this.cache.from;
  }

  get to(): NameAddr {
    this.cache.to ??= this.mandatory(H.to, readNameAddr);
    return this.cache.to;
  }

  get fromTag(): string | undefined {
    return this.from.params.get('tag');
  }

  get toTag(): string | undefined {
    return this.to.params.get('tag');
  }

  get callId(): string {
    this.cache.callId ??= this.mandatory(H.callId, readCallId);
    return this.cache.callId;
  }

  get cseq(): CSeq {
    this.cache.cseq ??= this.mandatory(H.cseq, readCSeq);
    return this.cache.cseq;
  }

  /** The topmost Via; those below it are not looked at. */
  get via(): Via {
    if (this.cache.via === undefined) {
      const k = this.lines.indexOf(H.via);
      if (k === -1) throw new SipError(400, 'Missing Via');
      this.cache.via = valid(H.via, this.lines.read(k, readVia));
    }
    return this.cache.via;
  }

  /** Every Via, topmost first. */
  get vias(): Via[] {
    // Nearly all messages that come here have one.
    if (this.cache.via?.last && !this.isRepeated('Via')) this.cache.vias ??= [this.cache.via];
    this.cache.vias ??= this.list(H.via, readVias);
    if (this.cache.vias.length === 0) throw new SipError(400, 'Missing Via');
    return this.cache.vias;
  }

  /** undefined when there is no Event header. */
  get event(): EventHeader | undefined {
    this.cache.event ??= this.optional(H.event, readEvent);
    return this.cache.event;
  }

  /** Every Contact address; one with the uri `*` for `Contact: *`. */
  get contacts(): NameAddr[] {
    this.cache.contacts ??= this.list(H.contact, readContact);
    return this.cache.contacts;
  }

  /** The one Contact that a request which makes a dialog has to have (RFC 3261 §8.1.1.8). */
  get contact(): NameAddr {
    const [contact, second] = this.contacts;
    if (contact === undefined) throw new SipError(400, 'Missing Contact');
    if (second !== undefined) throw new SipError(400, 'Repeated Contact');
    if (contact.uri === '*') throw new SipError(400, 'Bad Contact');
    return contact;
  }

  /** Seconds; undefined when there is no Expires. */
  get expires(): number | undefined {
    return this.optional(H.expires, readDelta);
  }

  /** undefined when there is no Max-Forwards. */
  get maxForwards(): number | undefined {
    return this.optional(H.maxForwards, readHops);
  }

  get contentType(): MediaType | undefined {
    return this.optional(H.contentType, readContentType);
  }

  /** The media ranges of every Accept line; undefined when there is none, which means the default of the package. */
  get accept(): MediaType[] | undefined {
    return this.lines.has(H.accept) ? this.list(H.accept, readAccept) : undefined;
  }

  get routes(): NameAddr[] {
    return this.list(H.route, readNameAddrs);
  }

  get recordRoutes(): NameAddr[] {
    return this.list(H.recordRoute, readNameAddrs);
  }

  /** Option tags and other plain lists (Require, Supported, Allow, …): the items of every line. */
  items(name: string): string[] {
    return this.headers(name).flatMap(splitCommas);
  }

  /**
   * Adds a header line after the last one.
   * @throws RollcallError when the name is no token or the value has a line break in it
   */
  appendHeader(name: string, value: string): void {
    const head = this.lines.textOf(0, this.lines.count);
    this.rewrite(head + (head.endsWith('\n') ? '' : '\r\n') + headerLine(name, value));
  }

  /** Adds a header line before the first one. @throws RollcallError as `appendHeader` */
  insertHeader(name: string, value: string): void {
    const { text, start } = this.lines;
    const head = this.lines.textOf(0, this.lines.count);
    this.rewrite(text.slice(0, start) + headerLine(name, value) + head.slice(start));
  }

  /**
   * Puts a new value on the first line of a header, which costs no second reading of the others.
   * @returns false when there is no such header
   * @throws RollcallError as `appendHeader`
   */
  replaceHeader(name: string, value: string): boolean {
    const k = this.find(name, 0);
    if (k === -1) return false;
    this.lines.replace(k, headerValue(name, value));
    if (cachedHeaders.has(numberOfName(name))) this.cache = new Cache();
    return true;
  }

  /** Takes every line of a header out. @returns how many there were */
  removeHeader(name: string): number {
    const kept: string[] = [];
    let from = 0;
    for (let k = this.find(name, 0); k !== -1; k = this.find(name, k + 1)) {
      kept.push(this.lines.textOf(from, k));
      from = k + 1;
    }
    if (kept.length > 0) this.rewrite(kept.join('') + this.lines.textOf(from, this.lines.count));
    return kept.length;
  }

  /** Reads the headers anew from an edited head. */
  private rewrite(head: string): void {
    const text = `${head}\r\n`;
    const lines = new HeaderLines(Buffer.from(text, 'latin1'), text, this.lines.start, editLimits);
    if (lines.fault !== undefined) throw new RollcallError('a message cannot have that many headers');
    this.lines = lines;
    this.cache = new Cache();
  }
}

/** A script may add to a message that is as large as a message from the network may be. */
const editLimits: Limits = { maxHeaders: 1024, maxHeadBytes: 262_144 };

function headerLine(name: string, value: string): string {
  if (!isToken(name)) throw new RollcallError(`'${name}' is not a header name`);
  return `${name}: ${headerValue(name, value)}\r\n`;
}

function headerValue(name: string, value: string): string {
  if (/[\r\n\0]/.test(value)) throw new RollcallError(`the value of ${name} must not hold a line break`);
  return toBytes(value);
}

function valid<T>(number: number, value: T | undefined): T {
  if (value === undefined) throw new SipError(400, `Bad ${headerName(number)}`);
  return value;
}
