// Owns MariaDB or MySQL servers under test: a real one on a free loopback port with a folder of its own, durable, killable, gone at the end.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { freePort } from './ports';

/** ROLLCALL_MYSQLD=/path/to/mysqld runs the tests on MySQL, which Debian does not have. */
const mysqld = process.env.ROLLCALL_MYSQLD;
const program = mysqld ?? 'mariadbd';
export const isMysql = mysqld !== undefined;

/** Why tests that need a server are skipped, or false. `npm test` installs the package where it can. */
export const mariadbMissing: string | false =
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : `${program} is not installed (Debian and Ubuntu have MariaDB as the package mariadb-server)`;

/** Whom mariadbd and its helpers run as when the tests run as root: the package makes this account. */
const account = 'mysql';
const isRoot = process.getuid?.() === 0;

function accountNumber(which: '-u' | '-g'): number {
  return Number(spawnSync('id', [which, account], { encoding: 'utf8' }).stdout);
}

const user = 'rollcall';
/** With everything in it that a URL has to encode. */
export const password = 'p@ss:w/rd%?';
const patience = 60_000;

export class Mariadb {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-mariadb-'));
  readonly socket = join(this.folder, 'socket');
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;
  #databases = 0;

  private constructor(
    readonly port: number,
    settings: readonly string[],
  ) {
    this.#settings = settings;
  }

  /** A server with an empty data folder. @param settings further options of mariadbd; `first` for its first start alone */
  static async start(settings: readonly string[] = [], first: readonly string[] = []): Promise<Mariadb> {
    const server = new Mariadb(await freePort(), settings);
    try {
      server.#install();
      await server.start(first);
      await server.sql(
        `CREATE USER IF NOT EXISTS ${user}@'127.0.0.1' IDENTIFIED BY '${password}'; GRANT ALL ON *.* TO ${user}@'127.0.0.1'`,
      );
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** A database of its own, and its URL. @param options what stands after `?` */
  async database(options = ''): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.sql(`CREATE DATABASE ${name}`);
    return this.url(name, options);
  }

  url(name: string, options = ''): string {
    return `mysql://${user}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${name}${options}`;
  }

  /** A connection as root over the socket; to be ended by the caller. Rows are arrays. */
  connect(database?: string): Promise<Connection> {
    return createConnection({
      socketPath: this.socket,
      user: 'root',
      multipleStatements: true,
      rowsAsArray: true,
      ...(database === undefined ? {} : { database }),
    });
  }

  /** Runs statements as root; the rows of the last one. */
  async sql(statements: string, database?: string): Promise<unknown[][]> {
    const connection = await this.connect(database);
    try {
      const [rows, fields] = await connection.query(statements);
      const several = Array.isArray(fields) && fields.some((each) => each === undefined || Array.isArray(each));
      return (several ? (rows as unknown[]).at(-1) : rows) as unknown[][];
    } finally {
      await connection.end();
    }
  }

  /** Starts the server on its data folder and waits until it answers. @param more options for this start alone */
  async start(more: readonly string[] = []): Promise<void> {
    const child = spawn(
      program,
      [
        ...this.#common(),
        '--bind-address=127.0.0.1',
        '--skip-networking=0',
        `--port=${this.port}`,
        `--socket=${this.socket}`,
        `--pid-file=${join(this.folder, 'pid')}`,
        '--skip-name-resolve',
        '--innodb-flush-log-at-trx-commit=1',
        '--sync-binlog=1',
        '--innodb-buffer-pool-size=64M',
        '--performance-schema=OFF',
        ...(isMysql ? ['--mysqlx=OFF', '--secure-file-priv=NULL'] : []),
        ...this.#settings,
        ...more,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000);
    });
    this.#child = child;
    const end = performance.now() + patience;
    for (;;) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`${program} did not start:\n${log}`);
      // A Galera node answers before it is ready, but not from a table.
      const up = await this.sql('SELECT 1 FROM mysql.user LIMIT 1').then(
        () => true,
        () => false,
      );
      if (up) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${program} does not run`);
    return this.#child.pid;
  }

  /** What a power cut leaves. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** An orderly shutdown. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #install(): void {
    const temporary = join(this.folder, 'tmp');
    mkdirSync(temporary);
    if (isRoot) {
      for (const path of [this.folder, temporary]) chownSync(path, accountNumber('-u'), accountNumber('-g'));
    }
    const [install, options] = isMysql
      ? [program, ['--initialize-insecure']]
      : ['mariadb-install-db', ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve']];
    const made = spawnSync(install, [...this.#common(), ...options], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`${install} failed:\n${made.stdout}${made.stderr}`);
  }

  #common(): string[] {
    const options = [
      '--no-defaults',
      `--datadir=${join(this.folder, 'data')}`,
      // A server that starts removes the temporary tables it finds, those of other servers too.
      `--tmpdir=${join(this.folder, 'tmp')}`,
      // Small: the folder is made for each test file.
      isMysql ? '--innodb-redo-log-capacity=32M' : '--innodb-log-file-size=16M',
    ];
    return isRoot ? [...options, `--user=${account}`] : options;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}
