// Owns this server's part in a cluster: whether it is in one, its beat, what it takes up, and its silence when it is cut off.
import { type Database, DatabaseUnavailable, type Logger, type Random, type SipServices } from '../../../core/api';
import { FlowRoutes } from '../flow/routes';
import type { Handover } from '../handover';
import type { Notifier } from '../notify/notifier';
import type { Settings } from '../presence';
import { owed, type Resource } from '../resource';
import type { Schema } from '../store/schema';
import type { Store } from '../store/store';
import { CatchUp } from './catch-up';
import { Duties } from './duty';
import { Members } from './members';

interface ClusterOptions {
  readonly settings: Settings;
  readonly database: Database;
  readonly schema: Schema;
  readonly store: Store;
  readonly notifier: Notifier;
  readonly sip: SipServices;
  readonly random: Random;
  readonly log: Logger;
}

export class Cluster {
  /** Undefined: this is the only node. */
  readonly members: Members | undefined;
  /** The ways to one another's connections. */
  readonly flowRoutes: FlowRoutes | undefined;
  readonly duties: Duties;
  readonly catchUp: CatchUp;
  /** The others may take this node for dead: it sends nothing in dialogs that they could send in. */
  private cutOff: boolean;
  private comingBack = false;
  private hasWarned = false;

  constructor(
    private readonly options: ClusterOptions,
    handover: Handover | undefined,
  ) {
    const { settings, database, schema, store, sip, random, log } = options;
    const { clusterSecret, clusterAddress, clusterTimeout } = settings;
    if (clusterSecret !== undefined && clusterAddress !== undefined) {
      this.flowRoutes = new FlowRoutes(clusterSecret, clusterAddress);
      this.members = new Members({
        database,
        table: schema.node,
        address: clusterAddress,
        timeout: () => clusterTimeout * 1000,
        now: () => sip.wheel.now(),
        clash: () =>
          log.error({ address: clusterAddress }, 'another server has the same cluster_address: give each its own'),
        newId: () => Number.parseInt(random.token().slice(-idDigits), 32) + 1,
        state: handover?.members,
      });
    }
    this.duties = new Duties(this.members, handover?.duties);
    this.catchUp = new CatchUp({ store, duties: this.duties, log });
    this.cutOff = !this.maySend;
  }

  /** NOTIFYs may leave, or wait for the first beat. */
  start(): void {
    if (this.cutOff) this.options.notifier.pause();
    else this.options.notifier.resume();
  }

  /** Whether no other node can be sending in the dialogs of this one. */
  get maySend(): boolean {
    return this.members?.isProven ?? true;
  }

  /** To be called a few times a second. */
  tick(): void {
    const { members, options } = this;
    if (!members) return;
    this.fallSilent(members);
    if (this.cutOff) return;
    this.catchUp.poll(members).catch((error: unknown) => {
      options.log.debug({ err: error }, 'what other nodes have handed over cannot be read');
    });
  }

  /** As `beat`, while the database is there: that it is not, it tells itself. */
  async tryToBeat(): Promise<boolean> {
    try {
      return await this.beat();
    } catch (error) {
      if (error instanceof DatabaseUnavailable) return false;
      throw error;
    }
  }

  /** @returns whether a node has died. @throws DatabaseUnavailable */
  async beat(): Promise<boolean> {
    const { members, options } = this;
    if (!members) return false;
    const dead = await members.tick();
    this.fallSilent(members);
    // Beats go on meanwhile: what takes longer than the others' patience would never end.
    if (this.cutOff && !this.comingBack) void this.comeBack(members);
    if (dead.length === 0) return false;
    options.log.warn({ nodes: dead }, 'nodes have ended or are cut off: what they owed is taken up');
    await this.catchUp.search(members);
    return true;
  }

  /**
   * A resource was read. When this node does not tell its watchers any more, it must not go on as if it did.
   * @returns whether it does
   */
  onRead(resource: Resource): boolean {
    const { members, options } = this;
    const { key, owed: owing, notifier } = resource;
    const isOurs = owing !== owed.nothing && (!members || Math.abs(notifier) === members.id);
    if (options.notifier.isBusy(key)) {
      if (isOurs || !members) options.notifier.renew(resource);
      else options.notifier.abandon(key);
    }
    return isOurs;
  }

  /** Somebody else has changed what is in memory here: another node, or one that should be one. */
  onStale(): void {
    if (this.members || this.hasWarned) return;
    this.hasWarned = true;
    this.options.log.warn(
      'something else changes this database too: if it is another server, set cluster_secret and cluster_address on both, or their NOTIFYs get in one another’s way',
    );
  }

  async leave(): Promise<void> {
    await this.members?.leave().catch((error: unknown) => {
      this.options.log.warn({ err: error }, 'the other nodes could not be told that this one ends');
    });
  }

  /** When others may take this node for dead, or may have done so for a while. */
  private fallSilent(members: Members): void {
    if (this.cutOff || members.isProven) return;
    this.cutOff = true;
    this.options.notifier.pause();
    this.options.log.warn('this node is cut off from the database: its NOTIFYs wait, others may send them');
  }

  /** What was going on is looked at anew before it goes on: others may have taken it up. */
  private async comeBack(members: Members): Promise<void> {
    const { notifier, log } = this.options;
    const { sureSince, provenSince } = members.state;
    this.comingBack = true;
    const areRead = await this.catchUp.visitAll([...notifier.traffic.busyKeys]);
    this.comingBack = false;
    if (areRead) members.prove(sureSince);
    // Cut off again in between: what was read first may have been taken up since.
    if (!members.isProven) return;
    this.cutOff = false;
    notifier.resume();
    if (provenSince !== undefined)
      log.info('this node tells its watchers again: what was under way was looked at anew');
  }
}

/** Digits of base 32 in the number of a node: 40 bits. */
const idDigits = 8;
