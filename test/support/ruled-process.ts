// Owns a server under test that decides by rules, in a process of its own: its commands, its rules, its rows, and a restart.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before } from 'node:test';
import Database from 'better-sqlite3';
import { Phone } from './phone';
import { RollcallProcess, spawnRollcall } from './rollcall';
import { writeRules } from './ruled-server';
import type { ServerSpec } from './scratch';
import { SipUa } from './sip-ua';

export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** Stop its `server` at the end of the test. */
export class RuledProcess {
  private constructor(readonly server: RollcallProcess) {}

  static async start(modparam: ServerSpec['modparam'] = []): Promise<RuledProcess> {
    const lines = [['presence', 'force_active', 0], ...(modparam ?? [])] as const;
    return new RuledProcess(await RollcallProcess.start({ db: 'sqlite', control: true, modparam: lines }));
  }

  /** `bin/rollcall ARGS -f CONFIG` to its end. */
  async run(...args: readonly string[]): Promise<Ran> {
    const child = spawnRollcall([...args, '-f', this.server.scratch.config]);
    assert.ok(child.stdout && child.stderr);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { out, err, code: await ended };
  }

  /** A control command that must not fail. @returns what it prints */
  async ctl(...args: readonly string[]): Promise<string> {
    const { out, err, code } = await this.run('ctl', ...args);
    assert.deepEqual([code, err], [0, '']);
    return out;
  }

  /** Looks into the database, or changes it. */
  rows<T>(use: (database: Database.Database) => T): T {
    const database = new Database(`${this.server.scratch.folder}/rollcall.db`);
    try {
      return use(database);
    } finally {
      database.close();
    }
  }

  /** Stores the rules of a presentity, or takes them out; nobody is told. */
  write(presentity: string, document: string | undefined): void {
    this.rows((database) => writeRules(database, presentity, document));
  }

  /** Stores rules and has them applied with Kamailio's command. */
  async rule(presentity: string, document: string | undefined): Promise<void> {
    this.write(presentity, document);
    await this.ctl('presence.updateWatchers', presentity, 'presence');
  }

  /** Stops it, lets rows be changed as time would have changed them, and starts it again on its ports. */
  async restart(change: (database: Database.Database) => void): Promise<void> {
    await this.server.terminate();
    this.rows(change);
    await this.server.start();
  }
}

/** Such a server, its presentity and a phone, for the tests of a file. */
export function ruledProcess(modparam: ServerSpec['modparam'] = []): {
  ruled: RuledProcess;
  alice: SipUa;
  phone: Phone;
} {
  const here = {} as { ruled: RuledProcess; alice: SipUa; phone: Phone };
  before(async () => {
    here.ruled = await RuledProcess.start(modparam);
    here.alice = await SipUa.open('udp', here.ruled.server.at(), 'sip:alice@example.com');
    here.phone = await Phone.open('udp', here.ruled.server);
  });
  after(async () => {
    here.phone.peer.close();
    here.alice.close();
    await here.ruled.server.stop();
  });
  return here;
}
