// Owns a folder for one server under test: its config file, its script, its database; removed at the end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { root } from './tree';

/** What a test says about its server; everything has a default that serves presence. */
export interface ServerSpec {
  modparam?: readonly (readonly [module: string, parameter: string, value: string | number])[];
  /** TypeScript; default: the script that etc/rollcall.yaml serves */
  script?: string;
  /** default: memory */
  db?: 'memory' | 'sqlite';
  core?: Readonly<Record<string, string | number>>;
  /** beside the standard ones */
  loadmodule?: readonly string[];
  listen?: readonly string[];
  modulePath?: readonly string[];
  /** A control socket, at `Scratch.control`. */
  control?: boolean;
}

const standardModules = ['sl', 'maxfwd', 'sanity', 'textops', 'xlog', 'rr', 'pike', 'presence', 'presence_xml'];

export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-'));
  readonly config = join(this.folder, 'rollcall.yaml');
  readonly control = join(this.folder, 'control.sock');

  /** Writes the config file and what it names. */
  write(spec: ServerSpec): void {
    const script = spec.script === undefined ? join(root, 'scripts/presence.ts') : join(this.folder, 'script.ts');
    if (spec.script !== undefined) writeFileSync(script, spec.script);
    const sqlite = spec.db === 'sqlite';
    // A test is one source that sends more than any phone: the flood guard has tests of its own.
    const modparam: unknown[] = [
      ['presence', 'force_active', 1],
      ['pike', 'reqs_density_per_unit', 1_000_000],
    ];
    if (sqlite) modparam.push(['presence', 'db_url', `sqlite:${join(this.folder, 'rollcall.db')}`]);
    for (const line of spec.modparam ?? []) {
      const same = modparam.findIndex((other) => Array.isArray(other) && other[0] === line[0] && other[1] === line[1]);
      if (same >= 0) modparam.splice(same, 1);
      modparam.push(line);
    }
    const config = {
      listen: spec.listen ?? ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'],
      script,
      ...(spec.control === true ? { control: `unix:${this.control}` } : {}),
      ...(spec.modulePath === undefined ? {} : { module_path: spec.modulePath }),
      loadmodule: [...standardModules, ...(sqlite ? ['db_sqlite'] : []), ...(spec.loadmodule ?? [])],
      modparam,
      // A machine that is busy with other tests is no overload.
      core: { log_level: 'error', overload_delay: 0, ...spec.core },
    };
    writeFileSync(this.config, stringify(config));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
