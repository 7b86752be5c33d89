// Owns a module host under test: real floors below it, a clock that tests move, nothing listening, and a log to look at.
import { createLogging } from '../../core/base/logging';
import { paramValues } from '../../core/base/params';
import { systemRandom } from '../../core/base/random';
import { coreSettings } from '../../core/config/settings';
import type { ModuleContext } from '../../core/module/context';
import { defineModule, type ModuleInstance } from '../../core/module/define';
import { type HostOptions, ModuleHost } from '../../core/module/host';
import { createSip } from '../../core/server';
import { ManualClock } from './clock';

/** A host and what a test holds of it. */
export interface TestHost {
  readonly host: ModuleHost;
  readonly clock: ManualClock;
  /** Lines of the log, as objects. */
  readonly log: { level: number; module: string; msg: string; err?: { message: string } }[];
  /** Sets up a module without parameters that does `setup`. */
  add(name: string, setup: (ctx: ModuleContext) => ModuleInstance | Promise<ModuleInstance>): Promise<void>;
}

export function openHost(options: Partial<HostOptions> = {}): TestHost {
  const log: TestHost['log'] = [];
  const clock = new ManualClock();
  const logging = createLogging({ level: 'info', format: 'json', write: (line) => log.push(JSON.parse(line)), clock });
  const random = systemRandom();
  const sip = createSip(paramValues(coreSettings), logging, clock, random);
  clock.onTick(() => sip.wheel.advance());
  const host = new ModuleHost({ logging, clock, random, sip, baseDir: '/etc/rollcall', ...options });
  const add: TestHost['add'] = (name, setup) =>
    host.setUp({ definition: defineModule({ name, summary: '', params: {}, setup }), values: new Map() });
  return { host, clock, log, add };
}
