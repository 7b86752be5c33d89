// Owns the counting of requests and of their answers by method and status: one lookup a message, and plain numbers.

/** Methods counted by name. A peer may invent others without end: those count together, as `other`. */
const methods = [
  'PUBLISH',
  'SUBSCRIBE',
  'NOTIFY',
  'REGISTER',
  'OPTIONS',
  'MESSAGE',
  'INVITE',
  'BYE',
  'CANCEL',
  'INFO',
  'REFER',
  'UPDATE',
];
const statusLimit = 700;

interface Tally {
  requests: number;
  /** By status. */
  readonly answers: Float64Array;
}

/** One for each direction. */
export class MethodCounts {
  readonly #tallies = new Map<string, Tally>([...methods, 'other'].map((method) => [method, newTally()]));
  readonly #other = this.#tallies.get('other') ?? newTally();

  request(method: string): void {
    (this.#tallies.get(method) ?? this.#other).requests++;
  }

  answer(method: string, status: number): void {
    const { answers } = this.#tallies.get(method) ?? this.#other;
    answers[status] = (answers[status] ?? 0) + 1;
  }

  /** Methods that came at least once, with how often. */
  *requests(): Iterable<{ method: string; count: number }> {
    for (const [method, { requests }] of this.#tallies) if (requests > 0) yield { method, count: requests };
  }

  *answers(): Iterable<{ method: string; status: number; count: number }> {
    for (const [method, { answers }] of this.#tallies) {
      for (let status = 100; status < statusLimit; status++) {
        const count = answers[status] ?? 0;
        if (count > 0) yield { method, status, count };
      }
    }
  }
}

function newTally(): Tally {
  return { requests: 0, answers: new Float64Array(statusLimit) };
}
