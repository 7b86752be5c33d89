// Owns a real Kamailio under test: Debian's, as a presence server on loopback whose state is in a MariaDB of the test.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mariadb } from './mariadb';

const tables = '/usr/share/kamailio/mysql';
/** What the packages kamailio-presence-modules, kamailio-mysql-modules and kamailio-xml-modules bring. */
const modules = ['presence', 'presence_xml', 'presence_dialoginfo', 'db_mysql'];

/** Why tests that need Kamailio are skipped, or false. `npm test` installs the packages where it can. */
export const kamailioMissing: string | false = whatIsMissing();

function whatIsMissing(): string | false {
  const asked = spawnSync('kamailio', ['-I'], { encoding: 'utf8' });
  if (asked.error !== undefined || !existsSync(`${tables}/presence-create.sql`)) {
    return 'kamailio is not installed (Debian and Ubuntu have it as the package kamailio)';
  }
  const folder = /paths to modules: ([^\s:]+)/.exec(asked.stdout)?.[1] ?? '';
  const missing = modules.find((name) => !existsSync(join(folder, `${name}.so`)));
  return missing === undefined ? false : `kamailio has no module ${missing} here`;
}

/** What its manual calls `subs_db_mode`; the first is the default. */
export type SubscriptionMode = 'write-back' | 'write-through' | 'database';
const modeNumbers = { 'write-back': 2, 'write-through': 1, database: 3 } as const;

export interface KamailioOptions {
  readonly port: number;
  readonly mode?: SubscriptionMode;
  /** false: the rules in the table `xcap` decide. */
  readonly forceActive?: boolean;
}

const patience = 20_000;
const user = 'kamailio';
const password = 'kamailiorw';

export class Kamailio {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-kamailio-'));
  readonly config = join(this.folder, 'kamailio.cfg');
  #child: ChildProcess | undefined;

  private constructor(
    readonly options: KamailioOptions,
    /** What `--from` takes. */
    readonly url: string,
    readonly database: string,
  ) {}

  /** A Kamailio on a new database of `mariadb`, made by its own scripts. */
  static async start(mariadb: Mariadb, options: KamailioOptions): Promise<Kamailio> {
    const database = `kamailio${options.port}`;
    const script = (name: string) => readFileSync(`${tables}/${name}-create.sql`, 'utf8');
    await mariadb.sql(`CREATE DATABASE ${database} CHARACTER SET latin1`);
    await mariadb.sql(`${script('standard')}\n${script('presence')}`, database);
    await mariadb.sql(`GRANT ALL ON ${database}.* TO ${user}@'127.0.0.1' IDENTIFIED BY '${password}'`);
    const url = `mysql://${user}:${password}@127.0.0.1:${mariadb.port}/${database}`;
    const kamailio = new Kamailio(options, url, database);
    writeFileSync(kamailio.config, kamailio.#text());
    try {
      await kamailio.#run();
      return kamailio;
    } catch (error) {
      await kamailio.stop();
      throw error;
    }
  }

  /** An orderly shutdown: it writes what it has in memory. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const child = spawn('kamailio', ['-DD', '-E', '-m', '64', '-f', this.config, '-Y', this.folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-8000);
    });
    const end = performance.now() + patience;
    const waiting = new RegExp(`:${this.options.port.toString(16).padStart(4, '0')} `, 'i');
    while (!waiting.test(readFileSync('/proc/net/udp', 'latin1'))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`kamailio did not start:\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #text(): string {
    const { port, mode = 'write-back', forceActive = true } = this.options;
    return `
#!KAMAILIO
#!define DBURL "${this.url}"
debug=0
log_stderror=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:${port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "db_mysql.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
loadmodule "presence_dialoginfo.so"
modparam("presence|presence_xml", "db_url", DBURL)
modparam("presence", "server_address", "sip:127.0.0.1:${port}")
modparam("presence", "subs_db_mode", ${modeNumbers[mode]})
modparam("presence", "notifier_processes", 0)
modparam("presence", "db_table_lock_type", 0)
modparam("presence", "max_expires", 7200)
modparam("presence_xml", "force_active", ${forceActive ? 1 : 0})
modparam("presence_xml", "integrated_xcap_server", 1)
request_route {
	if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (method=="PUBLISH" || method=="SUBSCRIBE") {
		if (!t_newtran()) { sl_reply_error(); exit; }
		if (method=="PUBLISH") handle_publish(); else handle_subscribe();
		t_release();
		exit;
	}
	sl_send_reply("405", "Method Not Allowed");
}
`;
  }
}
