// Owns DNS answers that were fetched: kept for their time, bounded in number, and asked for once however many wait.
import { isIP } from 'node:net';
import type { Clock } from '../base/clock';
import type { AddressAnswer, DnsClient, NaptrAnswer, SrvAnswer } from './dns';

/** Times in s. */
const minTtl = 5;
const maxTtl = 3600;
/** Node does not tell the TTL of NAPTR and SRV records. */
const recordTtl = 300;
/** For "there is no such thing". */
const negativeTtl = 30;
/** For "no server answered". */
const failureTtl = 5;
const maxAnswers = 10_000;
/** Questions on their way at a time: peers choose the names, and dead servers hold a question for seconds. */
const maxQuestions = 256;
/** Records of one answer that are used. */
const maxRecords = 64;

interface Kept {
  readonly answer: Promise<readonly unknown[]>;
  /** ms since 1970; Infinity while the question is on its way. */
  until: number;
}

/** A cache in front of a DnsClient. An answer that is "nothing" or a failure is an empty list. */
export class DnsAnswers {
  readonly #dns: DnsClient;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  #questions = 0;

  constructor(dns: DnsClient, clock: Clock) {
    this.#dns = dns;
    this.#clock = clock;
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#kept.size;
  }

  naptr(name: string): Promise<readonly NaptrAnswer[]> {
    return this.#ask(`NAPTR ${name}`, () => this.#dns.naptr(name), recordTtl);
  }

  srv(name: string): Promise<readonly SrvAnswer[]> {
    return this.#ask(`SRV ${name}`, () => this.#dns.srv(name), recordTtl);
  }

  /** Numeric addresses of one family; what is none is left out. */
  async addresses(name: string, family: 4 | 6): Promise<readonly string[]> {
    const own = (await this.#dns.hosts(name)).filter((address) => isIP(address) === family);
    if (own.length > 0) return own;
    const found = await this.#ask<AddressAnswer>(
      `${family === 4 ? 'A' : 'AAAA'} ${name}`,
      () => this.#dns.addresses(name, family),
      undefined,
    );
    return found.map(({ address }) => address).filter((address) => isIP(address) === family);
  }

  /** Whether the machine itself knows the name, so that DNS has nothing to say about it. */
  async isLocal(name: string): Promise<boolean> {
    return (await this.#dns.hosts(name)).length > 0;
  }

  #ask<T extends object>(key: string, question: () => Promise<T[]>, ttl: number | undefined): Promise<readonly T[]> {
    const kept = this.#kept.get(key);
    if (kept && this.#clock.now() < kept.until) return kept.answer as Promise<readonly T[]>;
    this.#kept.delete(key);
    // Not an answer: nothing is kept of it, and whoever asks next may be luckier.
    if (this.#questions >= maxQuestions) return Promise.resolve([]);
    this.#questions++;
    const keep = (seconds: number) => {
      this.#questions--;
      entry.until = this.#clock.now() + seconds * 1000;
    };
    const answer = question().then(
      (records): readonly T[] => {
        keep(records.length === 0 ? negativeTtl : bounded(ttl ?? shortest(records)));
        return records.slice(0, maxRecords);
      },
      (error: NodeJS.ErrnoException): readonly T[] => {
        keep(error.code === 'ENOTFOUND' || error.code === 'ENODATA' ? negativeTtl : failureTtl);
        return [];
      },
    );
    const entry: Kept = { answer, until: Number.POSITIVE_INFINITY };
    this.#kept.set(key, entry);
    if (this.#kept.size > maxAnswers) this.#forgetOldest();
    return answer;
  }

  #forgetOldest(): void {
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key);
      return;
    }
  }
}

function shortest(records: readonly object[]): number {
  let ttl = maxTtl;
  for (const record of records) {
    if ('ttl' in record && typeof record.ttl === 'number') ttl = Math.min(ttl, record.ttl);
  }
  return ttl;
}

function bounded(seconds: number): number {
  return Math.min(maxTtl, Math.max(minTtl, seconds));
}
