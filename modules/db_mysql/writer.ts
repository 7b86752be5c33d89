// Owns a group of changes on its way into the database: one transaction, committed once, tried again only where nothing can have been stored.
import type { Change, Clock, Random, Result, Table } from '../../core/api';
import type { Connections } from './connections';
import { faultOf, unavailable } from './faults';
import type { RowStatements } from './rows';
import { OutcomeUnknown, Raced, Transaction } from './transaction';

export interface WriterOptions {
  readonly connections: Connections;
  readonly statementsOf: (table: Table) => RowStatements;
  readonly clock: Clock;
  readonly random: Random;
  /** The database, without its password. */
  readonly where: string;
}

/** ms for which a transaction that others undo is tried again; deadlocks pass in milliseconds, a lock may be held for longer. */
const conflictPatience = 3000;
const maxConflicts = 50;
/** ms before the next try: at random, up to twice as long each time, within bounds. */
const firstPause = 4;
const longestPause = 200;
/** A connection that the server closed while nobody used it says so at its next use: the one after it is new. */
const maxLosses = 2;
/** After a stale guard so many groups read their guards' versions first: where nodes compete, hope costs a transaction. */
const carefulGroups = 16;

export class Writer {
  readonly #options: WriterOptions;
  #careful = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** As `RunGroup`. @throws DatabaseUnavailable */
  async run(changes: readonly Change[]): Promise<readonly Result[] | undefined> {
    const { where, clock } = this.#options;
    const deadline = clock.now() + conflictPatience;
    let conflicts = 0;
    let losses = 0;
    for (;;) {
      try {
        return await this.#attempt(changes);
      } catch (error) {
        // Trying again now could store the group twice: who sent a change has to look first.
        if (error instanceof OutcomeUnknown) throw unavailable(error.cause, where, ' while a commit was under way');
        const kind = error instanceof Raced ? 'conflict' : faultOf(error).kind;
        if (kind === 'conflict' && ++conflicts <= maxConflicts && clock.now() < deadline) await this.#pause(conflicts);
        else if (kind !== 'lost' || ++losses > maxLosses) throw unavailable(error, where);
      }
    }
  }

  async #attempt(changes: readonly Change[]): Promise<readonly Result[] | undefined> {
    const { connections, statementsOf, where } = this.#options;
    const session = await connections.acquire();
    try {
      const transaction = new Transaction(session, statementsOf, where);
      const results = await this.#write(transaction, changes);
      await transaction.commit();
      session.release();
      return results;
    } catch (error) {
      if (error instanceof OutcomeUnknown) session.destroy();
      else await session.abandon(error);
      throw error;
    }
  }

  async #write(transaction: Transaction, changes: readonly Change[]): Promise<readonly Result[] | undefined> {
    if (this.#careful > 0) this.#careful--;
    else if (await transaction.hope(changes)) return undefined;
    const results = await transaction.play(changes);
    if (results.includes('stale')) this.#careful = carefulGroups;
    return results;
  }

  #pause(conflicts: number): Promise<void> {
    const most = Math.min(firstPause * 2 ** conflicts, longestPause);
    const fraction = Number.parseInt(this.#options.random.token().slice(0, 4), 32) / 32 ** 4;
    return new Promise((resolve) => setTimeout(resolve, most * fraction));
  }
}
