// Owns the watcher's side of watcherinfo: a document read by its shape, and the list that a subscriber keeps (RFC 3858 §4).
import assert from 'node:assert/strict';

export interface Watcher {
  readonly uri: string;
  readonly id: string;
  readonly status: string;
  readonly event: string;
  /** Attributes that need not be there. */
  readonly durationSubscribed?: number;
  readonly expiration?: number;
  readonly displayName?: string;
}

export interface Watcherinfo {
  readonly version: number;
  readonly state: string;
  readonly resource: string;
  readonly package: string;
  readonly watchers: readonly Watcher[];
}

/** Reads a watcherinfo document by its shape (RFC 3858); the tests of presence_xml check its XML. */
export function readWatcherinfo(body: string): Watcherinfo {
  const head = attributes(/<(?:\w+:)?watcherinfo\b([^>]*)>/.exec(body)?.[1]);
  const list = attributes(/<(?:\w+:)?watcher-list\b([^>]*)>/.exec(body)?.[1]);
  const watchers = [...body.matchAll(/<(?:\w+:)?watcher((?:\s+[\w:-]+="[^"]*")+)\s*>([^<]*)</g)].map(
    (match): Watcher => {
      const given = attributes(match[1]);
      const [duration, expiration, name] = ['duration-subscribed', 'expiration', 'display-name'].map((key) =>
        given.get(key),
      );
      return {
        uri: match[2] ?? '',
        id: given.get('id') ?? '',
        status: given.get('status') ?? '',
        event: given.get('event') ?? '',
        ...(duration === undefined ? {} : { durationSubscribed: Number(duration) }),
        ...(expiration === undefined ? {} : { expiration: Number(expiration) }),
        ...(name === undefined ? {} : { displayName: name }),
      };
    },
  );
  return {
    version: Number(head.get('version')),
    state: head.get('state') ?? '',
    resource: list.get('resource') ?? '',
    package: list.get('package') ?? '',
    watchers,
  };
}

function attributes(text = ''): Map<string, string> {
  return new Map([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map((match) => [match[1] ?? '', match[2] ?? '']));
}

/** What a subscriber of watcherinfo knows after its documents, which must come without a hole. */
export class WatcherTable {
  private version = -1;
  private readonly rows = new Map<string, Watcher>();

  /** Takes the next document. @returns it, and `told`: what it says of each watcher, in short */
  take(body: string): Watcherinfo & { readonly told: readonly string[] } {
    const document = readWatcherinfo(body);
    assert.equal(document.version, this.version + 1, 'versions rise by one');
    this.version = document.version;
    if (document.state === 'full') this.rows.clear();
    for (const watcher of document.watchers) {
      if (watcher.status === 'terminated') this.rows.delete(watcher.id);
      else this.rows.set(watcher.id, watcher);
    }
    return { ...document, told: document.watchers.map(short) };
  }

  /** Who watches or waits. */
  get present(): readonly string[] {
    return [...this.rows.values()].map(short).sort();
  }
}

function short({ uri, status, event }: Watcher): string {
  return `${uri} ${status} ${event}`;
}
