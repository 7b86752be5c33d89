// Owns one transaction: the group written in one go in the hope that all guards hold, or with their versions read and locked.
import { type Change, ConstraintViolated, type Guard, keyOf, type Result, type Table } from '../../core/api';
import type { Answer, Session } from './connections';
import { faultOf, isUndone, violation } from './faults';
import { GuardBook, guardName, hopefulBatch } from './guards';
import { type RowStatements, rowName } from './rows';
import { type Batch, type RowOp, Waves } from './waves';

/** The COMMIT was sent, and whether it was done is not known. */
export class OutcomeUnknown extends Error {}

/** A row that was not there when it was looked for is there now: the transaction has to be undone. */
export class Raced extends Error {}

/** Set at the beginning and released at the end: so a transaction proves that it is still the same one. */
const whole = 'whole_group';
const begin: readonly string[] = ['START TRANSACTION', `SAVEPOINT ${whole}`];

export class Transaction {
  readonly #session: Session;
  readonly #statementsOf: (table: Table) => RowStatements;
  /** The database, without its password. */
  readonly #where: string;
  #savepoints = 0;

  constructor(session: Session, statementsOf: (table: Table) => RowStatements, where: string) {
    this.#session = session;
    this.#statementsOf = statementsOf;
    this.#where = where;
  }

  /**
   * Begins, and writes everything as if every guard held, which with one node it does: one round trip.
   * False: a guard did not hold or a change is at fault, and the transaction has to be begun anew.
   */
  async hope(changes: readonly Change[]): Promise<boolean> {
    const batch = hopefulBatch(changes, this.#statementsOf);
    if (batch === undefined) return false;
    try {
      await this.#write(batch, begin);
      return true;
    } catch (error) {
      if (error instanceof Raced || isChangeFault(error)) return false;
      throw error;
    }
  }

  /** Begins anew, and finds the outcome of every change. @throws Raced; what mysql2 throws */
  async play(changes: readonly Change[]): Promise<Result[]> {
    await this.#session.query(['ROLLBACK', ...begin]);
    return this.#play(changes, new Set());
  }

  /** @throws what mysql2 throws when nothing is stored, OutcomeUnknown when that is not certain */
  async commit(): Promise<void> {
    try {
      await this.#session.query([`RELEASE SAVEPOINT ${whole}`, 'COMMIT']);
    } catch (error) {
      // A Galera node answers so when another node's change was certified first.
      if (isUndone(error)) throw error;
      throw new OutcomeUnknown('', { cause: error });
    }
  }

  async #play(changes: readonly Change[], poisoned: Set<string>): Promise<Result[]> {
    const results: Result[] = [];
    while (results.length < changes.length)
      results.push(...(await this.#playSome(changes.slice(results.length), poisoned)));
    return results;
  }

  /** The outcomes of the first changes, of as many as can be foreseen. */
  async #playSome(changes: readonly Change[], poisoned: Set<string>): Promise<Result[]> {
    const savepoint = `s${++this.#savepoints}`;
    const before = new Set(poisoned);
    const book = new GuardBook(poisoned);
    await this.#lock(changes, book, savepoint);
    const results: Result[] = [];
    const ops: RowOp[] = [];
    for (const change of changes) {
      const verdict = book.judge(change);
      results.push(verdict === 'holds' ? 'committed' : 'stale');
      const sure = verdict === 'stale' || book.take(change, (table) => this.#statementsOf(table).shape, ops);
      if (!sure) break;
    }
    const waves = new Waves(this.#statementsOf);
    for (const op of ops) waves.add(op);
    try {
      await this.#write(waves.batch(), []);
      return results;
    } catch (error) {
      if (!isChangeFault(error)) throw error;
      await this.#session.query([`ROLLBACK TO SAVEPOINT ${savepoint}`]);
      if (results.length === 1) return [violation(error, this.#where)];
      // One of them is at fault: found by halves, each seeing what the half before it has stored.
      poisoned.clear();
      for (const name of before) poisoned.add(name);
      const middle = results.length >> 1;
      const first = await this.#play(changes.slice(0, middle), poisoned);
      return [...first, ...(await this.#play(changes.slice(middle, results.length), poisoned))];
    }
  }

  /** Reads the versions of all guarded rows and keeps others from changing them, in the order of their names: nodes wait in turn. */
  async #lock(changes: readonly Change[], book: GuardBook, savepoint: string): Promise<void> {
    const guards = new Map<string, Guard>();
    for (const { guard } of changes) if (guard !== undefined) guards.set(guardName(guard), guard);
    const sorted = [...guards].sort(([a], [b]) => (a < b ? -1 : 1));
    const groups = new Map<string, Guard[]>();
    for (const [name, guard] of sorted) {
      book.note(name, guard.versionColumn, undefined);
      const kind = `${guard.table.name} ${guard.versionColumn}`;
      const group = groups.get(kind);
      if (group === undefined) groups.set(kind, [guard]);
      else group.push(guard);
    }
    const sources: Guard[] = [];
    const statements = [`SAVEPOINT ${savepoint}`];
    for (const group of groups.values()) {
      const [first] = group;
      if (first === undefined) continue;
      const keys = group.map(({ table, row }) => keyOf(table, row));
      for (const statement of this.#statementsOf(first.table).lock(keys, first.versionColumn)) {
        statements.push(statement);
        sources.push(first);
      }
    }
    const answers = await this.#send(statements);
    for (const [i, { table, versionColumn }] of sources.entries()) {
      for (const row of (answers[i + 1] ?? []) as (string | number)[][]) {
        book.note(rowName(table, row.slice(0, -1)), versionColumn, Number(row.at(-1)));
      }
    }
  }

  /** @throws Raced when a row was not what it was taken for */
  async #write({ statements, checks }: Batch, first: readonly string[]): Promise<void> {
    const answers = (await this.#send([...first, ...statements])).slice(first.length);
    for (const { from, count, affected } of checks) {
      let sum = 0;
      for (const answer of answers.slice(from, from + count)) sum += 'affectedRows' in answer ? answer.affectedRows : 0;
      if (sum !== affected) throw new Raced();
    }
  }

  /** @throws ConstraintViolated when a statement is longer than the server takes, which then is one row */
  async #send(statements: readonly string[]): Promise<Answer[]> {
    const room = this.#session.server.maxPacket - packetHead;
    const answers: Answer[] = [];
    let packet: string[] = [];
    let length = 0;
    for (const statement of statements) {
      if (statement.length > room) {
        throw new ConstraintViolated(
          `${this.#where}: a row is longer than max_allowed_packet of the server, ${room} bytes`,
        );
      }
      if (length + statement.length >= room) {
        answers.push(...(await this.#session.query(packet)));
        packet = [];
        length = 0;
      }
      packet.push(statement);
      length += statement.length + 1;
    }
    if (packet.length > 0) answers.push(...(await this.#session.query(packet)));
    return answers;
  }
}

/** Bytes that a packet has beside its text, with room to spare. */
const packetHead = 64;

function isChangeFault(error: unknown): boolean {
  return error instanceof ConstraintViolated || faultOf(error).kind === 'change';
}
