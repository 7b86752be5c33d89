// Owns databases as Kamailio and OpenSIPS leave them, in SQLite files, for tests that need no old server to run.
import Sqlite from 'better-sqlite3';

/** Unix seconds at which the tests take place. */
export const now = 1_800_000_000;

const version = 'CREATE TABLE version (id INTEGER PRIMARY KEY, table_name VARCHAR(32), table_version INTEGER)';
const shared =
  'presentity_uri, watcher_username, watcher_domain, to_user, to_domain, event, event_id, to_tag, from_tag, callid';
const dialog = `${shared}, local_cseq, remote_cseq, contact, record_route, expires, status, reason, version, socket_info, local_contact`;

/** Columns without types: what a row holds is what was put into it. */
const tables = {
  kamailio: {
    presentity: [5, 'username, domain, event, etag, expires, received_time, body, sender, priority, ruid'],
    active_watchers: [12, `${dialog}, from_user, from_domain, updated, updated_winfo, flags, user_agent`],
    watchers: [3, 'presentity_uri, watcher_username, watcher_domain, event, status, reason, inserted_time'],
    xcap: [4, 'username, domain, doc, doc_type, etag, source, doc_uri, port'],
  },
  opensips: {
    presentity: [5, 'username, domain, event, etag, expires, received_time, body, extra_hdrs, sender'],
    active_watchers: [12, `${dialog}, sharing_tag`],
    watchers: [4, 'presentity_uri, watcher_username, watcher_domain, event, status, reason, inserted_time'],
    xcap: [4, 'username, domain, doc, doc_type, etag, source, doc_uri, port'],
  },
} as const;

type TableName = keyof (typeof tables)['kamailio'];
type Cells = Readonly<Record<string, string | number | Buffer | null>>;

const standard: Readonly<Record<TableName, Cells>> = {
  presentity: {
    username: 'alice',
    domain: 'Example.org',
    event: 'presence',
    etag: 'a.1.2.3',
    expires: now + 600,
    received_time: now - 60,
    body: Buffer.from('open'),
    sender: '',
  },
  active_watchers: {
    presentity_uri: 'sip:alice@example.org',
    watcher_username: 'bob',
    watcher_domain: 'example.org',
    to_user: 'alice',
    to_domain: 'example.org',
    event: 'presence',
    event_id: '',
    to_tag: 'ours',
    from_tag: 'theirs',
    callid: 'call-1',
    local_cseq: 5,
    remote_cseq: 2,
    contact: 'sip:bob@192.0.2.7:5070',
    record_route: '',
    expires: now + 900,
    status: 1,
    reason: '',
    version: 3,
    socket_info: 'udp:192.0.2.1:5060',
    local_contact: 'sip:192.0.2.1:5060',
  },
  watchers: {
    presentity_uri: 'sip:alice@example.org',
    watcher_username: 'bob',
    watcher_domain: 'example.org',
    event: 'presence',
    status: 2,
    reason: '',
    inserted_time: now - 60,
  },
  xcap: {
    username: 'alice',
    domain: 'example.org',
    doc: Buffer.from('<ruleset/>'),
    doc_type: 2,
    etag: 'x1',
    source: 0,
    doc_uri: '/xcap-root/alice/index',
    port: 0,
  },
};

/** Close it at the end of the test. */
export class OldServer {
  readonly #db: Sqlite.Database;

  constructor(
    readonly path: string,
    private readonly kind: keyof typeof tables = 'kamailio',
  ) {
    this.#db = new Sqlite(path);
    this.#db.exec(version);
    for (const [name, [number, columns]] of Object.entries(tables[kind])) {
      this.#db.exec(`CREATE TABLE ${name} (id INTEGER PRIMARY KEY, ${columns})`);
      this.setVersion(name, number);
    }
  }

  setVersion(table: string, number: number): void {
    this.#db.prepare('DELETE FROM version WHERE table_name = ?').run(table);
    this.#db.prepare('INSERT INTO version (table_name, table_version) VALUES (?, ?)').run(table, number);
  }

  /** A row as such a server has it, with something different. */
  add(table: TableName, different: Cells = {}): void {
    const columns = new Set<string>(tables[this.kind][table][1].split(', '));
    const cells = Object.entries({ ...standard[table], ...different }).filter(([name]) => columns.has(name));
    const names = cells.map(([name]) => name).join(', ');
    const values = cells.map(([, value]) => value);
    this.#db.prepare(`INSERT INTO ${table} (${names}) VALUES (${values.map(() => '?').join(', ')})`).run(...values);
  }

  change(table: TableName, set: string): void {
    this.#db.exec(`UPDATE ${table} SET ${set}`);
  }

  close(): void {
    this.#db.close();
  }
}
