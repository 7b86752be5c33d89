// Owns the lists under the names of Kamailio's RPC: what is stored of all presentities and of all their watchers, page by page.
import { type Command, type Database, parseUri, RollcallError, type Row, type Table, type Value } from '../../core/api';
import { canonical } from './handlers';
import { pagesOf } from './store/pages';
import type { Schema } from './store/schema';

/** Records in one answer: more than that goes on in another. What is full has bodies. */
const lines = { basic: 10_000, full: 1_000 } as const;
type Mode = keyof typeof lines;

/** What is told of a record: the name it goes by, and its column. */
type Shown = Readonly<Record<string, string>>;

const publication: Record<Mode, Shown> = {
  basic: { user: 'username', domain: 'domain', event: 'event', etag: 'etag', sender: 'sender', expires: 'expires' },
  full: {
    user: 'username',
    domain: 'domain',
    event: 'event',
    etag: 'etag',
    sender: 'sender',
    expires: 'expires',
    received_time: 'received_time',
    priority: 'priority',
    ruid: 'ruid',
    body: 'body',
  },
};

const mode = { name: 'mode', doc: '`basic`, or `full` with everything that is stored' };
const after = {
  name: 'after',
  optional: true,
  doc: 'only what comes behind this name: where a long list goes on',
};

export function listCommands(
  database: Database,
  { presentity, activeWatchers }: Schema,
  clock: { readonly now: number },
): Record<string, Command> {
  const watcher: Record<Mode, Shown> = {
    basic: sameNames(['presentity_uri', 'watcher_username', 'watcher_domain', 'event', 'status', 'callid', 'expires']),
    full: sameNames(activeWatchers.columns.map(({ name }) => name)),
  };

  const list = async (search: Search, tell: (value: unknown) => void): Promise<object[]> => {
    const { table, by, shown, holds, after, again } = search;
    const limit = lines[search.mode];
    const where = { ...search.where, expires: { above: Math.floor(clock.now / 1000) } };
    const found: object[] = [];
    let last = after ?? '';
    const columns = Object.values(shown);
    for await (const rows of pagesOf(database, { table, by, columns, after, where, page: limit })) {
      const records = rows.map(([, ...row]) => recordOf(shown, row));
      const wanted = holds === undefined ? records : records.filter(holds);
      if (found.length > 0 && found.length + wanted.length > limit) {
        tell(`there are more: \`presence.${again.join(' ')} ${last}\` goes on`);
        break;
      }
      found.push(...wanted);
      last = String(rows.at(-1)?.[0]);
    }
    return found;
  };

  const publications = { table: presentity, by: 'username' };
  const watched = (uri: string) => ({ presentity_uri: canonical(uri) });

  return {
    presentity_list: {
      summary: 'Lists the publications of all presentities, in the order of their users.',
      args: [{ ...mode, optional: true, doc: `${mode.doc}; basic when left out` }, after],
      run: ([how = 'basic', from], tell) => {
        const mode = modeOf(how);
        const again = ['presentity_list', mode];
        return list({ ...publications, mode, shown: publication[mode], where: {}, after: from, again }, tell);
      },
    },
    presentity_show: {
      summary: 'Lists the publications of one user, one domain, or all, in the order of their users.',
      args: [
        mode,
        { name: 'user', doc: 'the user part of the URI, or `*` for any' },
        { name: 'domain', doc: 'the domain, or `*` for any' },
        after,
      ],
      run: ([how = '', user = '*', domain = '*', from], tell) => {
        const mode = modeOf(how);
        const again = ['presentity_show', mode, user, domain];
        const named = domain === '*' ? {} : { domain: domain.toLowerCase() };
        const search = { ...publications, mode, shown: publication[mode], after: from, again };
        if (user !== '*') {
          const by = domain === '*' ? 'domain' : 'event';
          return list({ ...search, by, where: { username: user, ...named } }, tell);
        }
        // No index begins with the domain: a database that had to look for it would look at everything in one go.
        const holds = (record: object) => named.domain === undefined || (record as Shown).domain === named.domain;
        return list({ ...search, where: {}, holds }, tell);
      },
    },
    watcher_list: {
      summary:
        'Lists the subscriptions to one presentity in the order of their Call-IDs, or to all in the order of the presentities.',
      args: [
        mode,
        { name: 'uri', optional: true, doc: 'sip:user@host, or `*` for all, which it is when left out' },
        after,
      ],
      run: ([how = '', uri = '*', from], tell) => {
        const mode = modeOf(how);
        if (uri !== '*' && parseUri(uri) === undefined) {
          throw new RollcallError(`"${uri}" is not a URI`, { hint: 'it looks like sip:alice@example.com' });
        }
        const named = uri === '*' ? { by: 'presentity_uri', where: {} } : { by: 'callid', where: watched(uri) };
        const again = ['watcher_list', mode, uri];
        return list({ table: activeWatchers, ...named, mode, shown: watcher[mode], after: from, again }, tell);
      },
    },
  };
}

interface Search {
  readonly table: Table;
  /** Whose order the list has, see `pagesOf`. */
  readonly by: string;
  readonly mode: Mode;
  readonly shown: Shown;
  readonly where: Readonly<Record<string, Value>>;
  /** What no index helps to find. */
  readonly holds?: (record: object) => boolean;
  /** As the caller gave it. */
  readonly after: string | undefined;
  /** The words that, with another `after`, list what comes behind. */
  readonly again: readonly string[];
}

function recordOf(shown: Shown, row: Row): object {
  const values = Object.keys(shown).map((name, i) => {
    const value = row[i] ?? '';
    return [name, value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value];
  });
  return Object.fromEntries(values);
}

function sameNames(columns: readonly string[]): Shown {
  return Object.fromEntries(columns.map((name) => [name, name]));
}

function modeOf(text: string): Mode {
  if (text === 'basic' || text === 'full') return text;
  throw new RollcallError(`there is no mode "${text}"`, {
    hint: 'it is `basic` or `full`; `presence.publications URI` and `presence.watchers URI` tell about one presentity',
  });
}
