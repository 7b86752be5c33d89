// Owns a server under test that decides by rules: SQLite, a script that names asserted watchers, rules put into its table xcap.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import Database from 'better-sqlite3';
import { startRollcall, type TestServer } from './rollcall';
import type { ServerSpec } from './scratch';
import { SipUa } from './sip-ua';
import { fresh } from './wire';

/** A MESSAGE to a presentity says that its rules have changed, as an XCAP server in front would, or ends a watcher. */
const script = `
import { handle_publish, handle_subscribe, pres_refresh_watchers, pres_terminate, pres_update_watchers } from 'presence';
import type { Request } from 'rollcall';
import { sl_send_reply } from 'sl';

export async function request_route(req: Request) {
  switch (req.method) {
    case 'PUBLISH':
      return handle_publish(req);
    case 'SUBSCRIBE': {
      const asserted = req.header('P-Asserted-Identity');
      return asserted === undefined ? handle_subscribe(req) : handle_subscribe(req, asserted);
    }
    case 'MESSAGE': {
      const [todo, name = 'presence', reason] = (req.header('Event') ?? '').split(' ');
      const watcher = req.header('P-Asserted-Identity') ?? '';
      if (todo === 'update') await pres_update_watchers(req.ruri, name);
      else if (todo === 'refresh') await pres_refresh_watchers(req.ruri, name, 0);
      else if (!(await pres_terminate(req.ruri, name, watcher, reason))) return sl_send_reply(req, 404, 'Not Found');
      return sl_send_reply(req, 200, 'OK');
    }
    default:
      return sl_send_reply(req, 405, 'Method Not Allowed');
  }
}
`;

/** Stop it at the end of the test. */
export class RuledServer {
  private constructor(
    readonly server: Awaited<ReturnType<typeof startRollcall>> & TestServer,
    private readonly folder: string,
    private readonly database: Database.Database,
  ) {}

  static async start(spec: Pick<ServerSpec, 'loadmodule' | 'modparam'> = {}): Promise<RuledServer> {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-ruled-'));
    const file = join(folder, 'rollcall.db');
    const server = await startRollcall({
      script,
      loadmodule: ['db_sqlite', ...(spec.loadmodule ?? [])],
      // A machine that is busy with other tests must not make it refuse anybody.
      core: { overload_delay: 0 },
      modparam: [['presence', 'force_active', 0], ['presence', 'db_url', `sqlite:${file}`], ...(spec.modparam ?? [])],
    });
    return new RuledServer(server, folder, new Database(file));
  }

  /** Stores the rules document of a presentity, or takes it out; nobody is told. */
  write(presentity: string, document: string | undefined): void {
    writeRules(this.database, presentity, document);
  }

  /**
   * Has the script do something to a presentity: `update` or `refresh` its watchers, or `terminate` one, each followed by a
   * package if not `presence`, and a reason. @returns the status of its answer
   */
  async ask(ua: SipUa, presentity: string, todo: string, watcher?: string): Promise<number> {
    const { status } = await ua.client.request({
      method: 'MESSAGE',
      uri: presentity,
      headers: {
        from: { uri: presentity, params: { tag: 'x' } },
        to: { uri: presentity, params: {} },
        'call-id': fresh('message'),
        cseq: { seq: 1, method: 'MESSAGE' },
        event: todo,
        ...(watcher === undefined ? {} : { 'p-asserted-identity': watcher }),
      },
    });
    return status;
  }

  async stop(): Promise<void> {
    this.database.close();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Stores the rules document of a presentity in the table xcap, or takes it out. */
export function writeRules(database: Database.Database, presentity: string, document: string | undefined): void {
  const [user = '', domain = ''] = presentity.slice('sip:'.length).split('@');
  const uri = `pres-rules/users/${presentity}/index`;
  database.prepare('DELETE FROM xcap WHERE doc_uri = ?').run(uri);
  if (document === undefined) return;
  const columns = 'username, domain, doc, doc_type, etag, source, doc_uri, port';
  database
    .prepare(`INSERT INTO xcap (${columns}) VALUES (?, ?, ?, 2, ?, 0, ?, 0)`)
    .run(user, domain, Buffer.from(document), 'etag', uri);
}

/** Rules in a document. */
export function ruleset(rules: string): string {
  return `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">${rules}</ruleset>`;
}

const everything =
  '<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons>' +
  '<pr:provide-devices><pr:all-devices/></pr:provide-devices><pr:provide-all-attributes/>';

/** One rule. `who` stands inside `identity`; without it there is no such condition. */
export function rule(id: string, handling: string, who?: string, grant = everything, conditions = ''): string {
  const identity = who === undefined ? '' : `<identity>${who}</identity>`;
  const inside = identity + conditions;
  return (
    `<rule id="${id}">${inside === '' ? '' : `<conditions>${inside}</conditions>`}` +
    `<actions><pr:sub-handling>${handling}</pr:sub-handling></actions><transformations>${grant}</transformations></rule>`
  );
}

/** A server that decides by rules and one who watches, for the tests of a file or a `describe`; there from their start to their end. */
export function ruledServer(
  uri: string,
  spec: Parameters<typeof RuledServer.start>[0] = {},
): { ruled: RuledServer; ua: SipUa } {
  const here = {} as { ruled: RuledServer; ua: SipUa };
  before(async () => {
    here.ruled = await RuledServer.start(spec);
    here.ua = await SipUa.open('udp', here.ruled.server.at('udp'), uri);
  });
  after(async () => {
    here.ua.close();
    await here.ruled.stop();
  });
  return here;
}
