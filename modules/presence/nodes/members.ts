// Owns the knowledge which nodes are alive: each raises a number in the database, and who does not for a while is dead.
import { type Database, hashText, type Row, type Table } from '../../../core/api';

/** What one node knows of another, by its own clock alone: the clocks of nodes are never compared. */
interface Seen {
  address: string;
  beat: number;
  /** ms without a beat after which it is dead: its own time-out, since by that it decides when to be silent. */
  timeout: number;
  /** ms for which it was looked at and its beat did not rise. Time in which nobody could look does not count. */
  silence: number;
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
  /** ms: how long the others wait for this node, by that beat. */
  promised: number;
  /** ms: since then the others have certainly taken this node for alive, if they do now. */
  sureSince: number;
  /** The `sureSince` in which what was under way before has been looked at anew. */
  provenSince: number | undefined;
  /** ms: when the others were looked at last. */
  lastLook: number;
}

export interface MembersOptions {
  readonly database: Database;
  readonly table: Table;
  /** Where the other nodes reach this one; no two nodes have the same. */
  readonly address: string;
  /** ms without a beat after which this node is dead to the others. Each may have its own. */
  timeout(): number;
  /** ms that never go back. */
  now(): number;
  /** A number for this process that no other has. */
  newId(): number;
  /** Told when another process that lives has this node's address. */
  clash(): void;
  readonly state?: MembersState | undefined;
}

/** How much of the time that others wait a node may go on without a beat of its own: they must not act while it still does. */
const patience = 0.4;
/** How much of that time one look at another node counts for at most. */
const longestLook = 0.25;
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
      promised: options.timeout(),
      sureSince: Number.NEGATIVE_INFINITY,
      provenSince: undefined,
      lastLook: options.now(),
    };
  }

  get id(): number {
    return this.state.id;
  }

  /** All nodes that are known, this one first; `silent` in ms. */
  list(): { readonly address: string; readonly alive: boolean; readonly silent: number }[] {
    const { now, address } = this.options;
    const others = [...this.state.known].filter(([, seen]) => seen.address !== '');
    return [
      { address, alive: this.isSure, silent: now() - this.state.lastBeat },
      ...others.map(([id, seen]) => ({ address: seen.address, alive: this.isAlive(id), silent: seen.silence })),
    ];
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
    let seen = this.state.known.get(id);
    if (!seen) {
      seen = { address: '', beat: -1, timeout: this.options.timeout(), silence: 0, gone: false, told: false };
      this.state.known.set(id, seen);
    }
    return !seen.gone && seen.silence < seen.timeout;
  }

  /** Whether the others certainly take this node for alive. */
  get isSure(): boolean {
    const { now, timeout } = this.options;
    return now() - this.state.lastBeat < patience * Math.min(timeout(), this.state.promised);
  }

  /**
   * Whether nobody can have acted in this node's place since what it has under way was looked at: it may send. A gap between two
   * beats counts even if it was over before anybody looked.
   */
  get isProven(): boolean {
    return this.isSure && this.state.provenSince === this.state.sureSince;
  }

  /** What is under way was looked at anew. @param sureSince as it was when that began; another gap since makes it void */
  prove(sureSince: number): void {
    this.state.provenSince = sureSince;
  }

  /** Beats, looks at the others, and says who has died since the last time. @throws DatabaseUnavailable */
  async tick(): Promise<number[]> {
    const { database, table, address, now } = this.options;
    const { state } = this;
    const sent = now();
    const promised = this.options.timeout();
    await database.commit({ writes: [{ op: 'put', table, row: [state.id, address, ++state.beat, promised] }] });
    if (!this.isSure) state.sureSince = sent;
    state.lastBeat = sent;
    state.promised = promised;
    const [rows = []] = await database.select([{ table, where: {} }]);
    const found = new Map(rows.map((row) => [Number(row[0]), rowOf(row)]));
    found.delete(state.id);
    this.look(found);
    return this.bury(found);
  }

  /** Takes note of whose beat has risen. */
  private look(found: ReadonlyMap<number, NodeRow>): void {
    const { address: own, now, clash } = this.options;
    const { known, lastLook } = this.state;
    const passed = now() - lastLook;
    this.state.lastLook = now();
    for (const [id, seen] of known) {
      const row = found.get(id);
      if (row && row.beat !== seen.beat) {
        if (row.address === own) clash();
        Object.assign(seen, { ...row, silence: 0, gone: false });
      } else {
        seen.silence += Math.min(passed, longestLook * seen.timeout);
        if (!row && seen.beat >= 0) seen.gone = true;
      }
    }
    for (const [id, row] of found) {
      // Whoever was at this address before is this process, in an earlier life.
      const gone = this.first && row.address === own;
      if (gone || !known.has(id)) known.set(id, { ...row, silence: 0, gone, told: false });
    }
    this.first = false;
  }

  /** Tells the others that this node is no more. @throws DatabaseUnavailable */
  async leave(): Promise<void> {
    const { database, table } = this.options;
    await database.commit({ writes: [{ op: 'delete', table, key: [this.id] }] });
  }

  /** Those who have died since the last time; the rows of those long dead are removed. */
  private async bury(found: ReadonlyMap<number, unknown>): Promise<number[]> {
    const { database, table } = this.options;
    const dead: number[] = [];
    const removed: number[] = [];
    for (const [id, seen] of this.state.known) {
      if (this.isAlive(id)) {
        seen.told = false;
        continue;
      }
      if (!seen.told) dead.push(id);
      seen.told = true;
      if (seen.silence < mourning * seen.timeout) continue;
      if (found.has(id)) removed.push(id);
      this.state.known.delete(id);
    }
    if (removed.length > 0) {
      await database.commit({ writes: removed.map((id) => ({ op: 'delete', table, key: [id] }) as const) });
    }
    return dead;
  }
}

interface NodeRow {
  readonly address: string;
  readonly beat: number;
  readonly timeout: number;
}

function rowOf([, address, beat, timeout]: Row): NodeRow {
  return { address: String(address), beat: Number(beat), timeout: Number(timeout) };
}

function rank(id: number, what: string): number {
  return hashText(`${id} ${what}`) >>> 0;
}
