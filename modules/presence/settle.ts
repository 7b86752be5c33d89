// Owns the note that no NOTIFY is owed: written in bulk once a second, so that a crash between commit and NOTIFY is made good.
import type { Logger } from '../../core/api';
import { tellEverybody } from './decide/authorise';
import type { Door } from './door';
import type { Notifier } from './notify/notifier';
import type { Resource } from './resource';
import type { Store } from './store/store';

/** Resources taken up again at a time after a start. */
const page = 1_000;

export class Settling {
  private readonly quiet = new Set<Resource>();

  constructor(
    private readonly store: Store,
    private readonly notifier: Notifier,
    private readonly log: Logger,
  ) {}

  /** A resource has nothing under way any more. */
  note(resource: Resource): void {
    if (resource.notifyPending) this.quiet.add(resource);
  }

  /** Writes down what has settled since the last time. */
  async flush(): Promise<void> {
    const settled: Promise<void>[] = [];
    for (const resource of this.quiet) {
      this.quiet.delete(resource);
      if (!resource.notifyPending || this.notifier.isBusy(resource)) continue;
      resource.notifyPending = false;
      settled.push(this.store.settle(resource));
    }
    await Promise.all(settled);
  }

  /** After a start: NOTIFYs that the last run owed and may not have sent are sent. */
  async resume(door: Door): Promise<void> {
    const keys = await this.store.owing(page);
    if (keys.length === 0) return;
    this.log.info({ resources: keys.length }, 'the last run owed NOTIFYs: watchers are told the present state');
    await Promise.all(
      keys.map(
        (key) =>
          new Promise<void>((resolve, reject) => {
            const done = (_: unknown, resource: Resource) => {
              this.note(resource);
              resolve();
            };
            door.submit({ key, decide: tellEverybody, done, failed: reject });
          }),
      ),
    );
    await this.flush();
    if (keys.length === page) await this.resume(door);
  }
}
