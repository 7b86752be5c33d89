// Owns the note that no NOTIFY is owed: written in bulk once a second, so that a crash between commit and NOTIFY is made good.
import type { Logger } from '../../core/api';
import { tellEverybody, tellState } from './decide/authorise';
import type { Door } from './door';
import { owed, type Resource, type ResourceKey } from './resource';
import type { Store } from './store/store';

/** Resources taken up again at a time after a start. */
const slice = 1_000;
/** Notes that go into one group of changes: a request that comes meanwhile waits for so many, and not for those of a whole second. */
const notesEach = 64;

interface SettlingOptions {
  readonly store: Store;
  readonly log: Logger;
  /** The resource as it is in memory, if it is. */
  find(id: string): Resource | undefined;
  /** Whether NOTIFYs are under way. */
  isBusy(key: ResourceKey): boolean;
}

export class Settling {
  /** @param quiet what waited in an earlier life of the module */
  constructor(
    private readonly options: SettlingOptions,
    readonly quiet = new Map<string, ResourceKey>(),
  ) {}

  /** A resource has nothing under way any more. */
  note(key: ResourceKey): void {
    if (this.options.find(key.id)?.owed) this.quiet.set(key.id, key);
  }

  /** Whether a resource waits to be written down: it must stay in memory. */
  waits(key: ResourceKey): boolean {
    return this.quiet.has(key.id);
  }

  /** Writes down what has settled until now. @throws DatabaseUnavailable; it is tried again the next time */
  async flush(): Promise<void> {
    let notes: Promise<void>[] = [];
    let left = this.quiet.size;
    for (const [id, key] of this.quiet) {
      if (left-- === 0) break;
      this.quiet.delete(id);
      const resource = this.options.find(id);
      if (resource?.owed && !this.options.isBusy(key)) notes.push(this.settle(resource));
      if (notes.length < notesEach) continue;
      await Promise.all(notes);
      notes = [];
    }
    await Promise.all(notes);
  }

  private async settle(resource: Resource): Promise<void> {
    // A change that is being stored just now brings a higher version, so that this leaves its note alone.
    const { owed: before, notifier } = resource;
    resource.owed = owed.nothing;
    resource.notifier = 0;
    try {
      await this.options.store.settle(resource);
    } catch (error) {
      resource.owed = before;
      resource.notifier = notifier;
      this.quiet.set(resource.key.id, resource.key);
      throw error;
    }
  }

  /** After a start: NOTIFYs that the last run owed and may not have sent are sent. @throws DatabaseUnavailable */
  async resume(door: Door): Promise<void> {
    const owing = await this.options.store.owing();
    if (owing.length === 0) return;
    this.options.log.info(
      { resources: owing.length },
      'the last run owed NOTIFYs: watchers are told the present state',
    );
    for (let i = 0; i < owing.length; i += slice) {
      await Promise.all(owing.slice(i, i + slice).map(({ key, all }) => this.tell(door, key, all)));
    }
  }

  private tell(door: Door, key: ResourceKey, all: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.note(key);
        resolve();
      };
      door.submit({ key, decide: all ? tellEverybody : tellState, done, failed: reject });
    });
  }
}
