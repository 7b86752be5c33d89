// Owns the knowledge which nodes are alive: each raises a number in the database, and who does not for a while is dead.
import { type Database, hashText, type Table } from '../../../core/api';

/** What one node knows of another, by its own clock alone: the clocks of nodes are never compared. */
interface Seen {
  beat: number;
  /** ms: when its beat was seen to rise last, or when it was first heard of. */
  since: number;
  /** It has left, or another process has taken its place. */
  gone: boolean;
  /** Its death has been told. */
  told: boolean;
}

/** For the next life of the module. */
export interface MembersState {
  readonly id: number;
  readonly known: Map<number, Seen>;
  beat: number;
  /** ms: a beat that was sent then was stored. */
  lastBeat: number;
}

export interface MembersOptions {
  readonly database: Database;
  readonly table: Table;
  /** Where the other nodes reach this one; no two nodes have the same. */
  readonly address: string;
  /** ms without a beat after which a node is dead. */
  timeout(): number;
  /** ms that never go back. */
  now(): number;
  /** A number for this process that no other has. */
  newId(): number;
  readonly state?: MembersState | undefined;
}

/** How much of the time that others wait a node may go on without a beat of its own: they must not act while it still does. */
const patience = 0.4;
/** The rows of the dead are removed after so many times the time that makes a node dead. */
const mourning = 10;

export class Members {
  readonly state: MembersState;
  private first = true;

  constructor(private readonly options: MembersOptions) {
    this.state = options.state ?? {
      id: options.newId(),
      known: new Map(),
      beat: 0,
      lastBeat: Number.NEGATIVE_INFINITY,
    };
  }

  get id(): number {
    return this.state.id;
  }

  /** Whether something falls to this node that any could do: all nodes that know of the same nodes agree (rendezvous hashing). */
  prefers(what: string): boolean {
    const own = rank(this.id, what);
    for (const id of this.state.known.keys()) if (this.isAlive(id) && rank(id, what) > own) return false;
    return true;
  }

  /** A node that was never heard of counts as alive from now on, until its time is over. */
  isAlive(id: number): boolean {
    if (id === this.id) return true;
    const now = this.options.now();
    let seen = this.state.known.get(id);
    if (!seen) {
      seen = { beat: -1, since: now, gone: false, told: false };
      this.state.known.set(id, seen);
    }
    return !seen.gone && now - seen.since < this.options.timeout();
  }

  /** Whether the others certainly take this node for alive. */
  get isSure(): boolean {
    return this.options.now() - this.state.lastBeat < patience * this.options.timeout();
  }

  /** Beats, looks at the others, and says who has died since the last time. @throws DatabaseUnavailable */
  async tick(): Promise<number[]> {
    const { database, table, address, now } = this.options;
    const { state } = this;
    const sent = now();
    await database.commit({ writes: [{ op: 'put', table, row: [state.id, address, ++state.beat] }] });
    state.lastBeat = sent;
    const [rows = []] = await database.select([{ table, where: {} }]);
    const found = new Map(rows.map((row) => [Number(row[0]), { address: String(row[1]), beat: Number(row[2]) }]));
    found.delete(state.id);
    for (const [id, { address: at, beat }] of found) {
      const seen = state.known.get(id);
      if (this.first && at === address) {
        // Whoever listened there before is this process, in an earlier life.
        state.known.set(id, { beat, since: sent, gone: true, told: false });
      } else if (!seen) state.known.set(id, { beat, since: now(), gone: false, told: false });
      else if (seen.beat !== beat) Object.assign(seen, { beat, since: now(), gone: false });
    }
    this.first = false;
    for (const [id, seen] of state.known) if (seen.beat >= 0 && !found.has(id)) seen.gone = true;
    return this.bury(found);
  }

  /** Tells the others that this node is no more. @throws DatabaseUnavailable */
  async leave(): Promise<void> {
    const { database, table } = this.options;
    await database.commit({ writes: [{ op: 'delete', table, key: [this.id] }] });
  }

  /** Those who have died since the last time; the rows of those long dead are removed. */
  private async bury(found: ReadonlyMap<number, unknown>): Promise<number[]> {
    const { database, table, timeout, now } = this.options;
    const dead: number[] = [];
    const removed: number[] = [];
    for (const [id, seen] of this.state.known) {
      if (this.isAlive(id)) {
        seen.told = false;
        continue;
      }
      if (!seen.told) dead.push(id);
      seen.told = true;
      if (now() - seen.since < mourning * timeout()) continue;
      if (found.has(id)) removed.push(id);
      this.state.known.delete(id);
    }
    if (removed.length > 0) {
      await database.commit({ writes: removed.map((id) => ({ op: 'delete', table, key: [id] }) as const) });
    }
    return dead;
  }
}

function rank(id: number, what: string): number {
  return hashText(`${id} ${what}`) >>> 0;
}
