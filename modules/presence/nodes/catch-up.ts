// Owns the search for NOTIFYs that this node has to see to: handed over by others, left by the dead, or in doubt after a lost commit.
import type { Logger } from '../../../core/api';
import { nothing } from '../changes';
import type { Door } from '../door';
import type { ResourceKey } from '../resource';
import type { Store } from '../store/store';
import type { Duties } from './duty';
import type { Members } from './members';

interface CatchUpOptions {
  readonly store: Store;
  readonly duties: Duties;
  readonly log: Logger;
}

/** Resources that are looked at at a time: what the dead have left must not crowd out requests. */
const slice = 200;
const maxVisits = 1_000;

/** The door does all that is to be done with a resource when it reads it anew, so a visit is all it takes. */
export class CatchUp {
  private readonly visiting = new Set<string>();
  private polling = false;
  private door: Door | undefined;

  constructor(private readonly options: CatchUpOptions) {}

  /** Where it is to be done: to be called before anything else. */
  begin(door: Door): void {
    this.door = door;
  }

  /** Looks for what other nodes have handed over. To be called a few times a second. @throws DatabaseUnavailable */
  async poll(members: Members): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      const { accounted } = this.options.duties.state;
      for (const { key, version } of await this.options.store.handedTo(members.id)) {
        if (accounted.get(key.id)?.version !== version) void this.visit(key);
      }
    } finally {
      this.polling = false;
    }
  }

  /** Takes up what no living node tells. @throws DatabaseUnavailable */
  async search(members: Members): Promise<void> {
    const owing = await this.options.store.owing();
    const orphaned = owing.filter(({ notifier }) => notifier === 0 || !members.isAlive(notifier));
    if (orphaned.length === 0) return;
    this.options.log.info({ resources: orphaned.length }, 'NOTIFYs of a node that has ended are taken up');
    // All nodes search: each begins with its own share, so that two are seldom at the same resource.
    const own = orphaned.filter(({ key }) => members.prefers(key.id));
    const others = orphaned.filter(({ key }) => !members.prefers(key.id));
    for (const share of [own, others]) await this.visitAll(share.map(({ key }) => key));
  }

  /** Reads resources anew, some at a time. Resolves to whether that was possible with all of them. */
  async visitAll(keys: readonly ResourceKey[]): Promise<boolean> {
    let all = true;
    for (let i = 0; i < keys.length; i += slice) {
      const read = await Promise.all(keys.slice(i, i + slice).map((key) => this.visit(key)));
      all &&= read.every((isRead) => isRead);
    }
    return all;
  }

  /** Finds out what became of commits that were lost on the way. To be called each second. */
  settleDoubts(): void {
    for (const doubt of this.options.duties.state.doubtful.values()) {
      void this.visit(doubt.key).then((isRead) => {
        if (isRead) doubt.looks++;
      });
    }
  }

  /** Reads a resource anew. Resolves to whether that was possible. */
  visit(key: ResourceKey): Promise<boolean> {
    if (this.visiting.has(key.id) || this.visiting.size >= maxVisits) return Promise.resolve(false);
    this.visiting.add(key.id);
    return new Promise((resolve) => {
      const over = (isRead: boolean) => {
        this.visiting.delete(key.id);
        resolve(isRead);
      };
      const [done, failed] = [() => over(true), () => over(false)];
      this.door?.submit({ key, fresh: true, decide: () => nothing, done, failed });
    });
  }
}
