// Owns the view that changes and commands have of a running server.
import type { Clock } from '../base/clock';
import type { Logging } from '../base/logging';
import type { Config } from '../config/config';
import type { ListenSpec } from '../config/listen';
import type { SipServices } from '../module/context';
import type { ModuleHost } from '../module/host';
import type { ScriptRunner } from '../script/runner';
import type { ListenPoint } from '../sip/transport/layer';

/** A socket that listens, and the words of the config that asked for it. */
export interface Listening {
  readonly spec: ListenSpec;
  readonly point: ListenPoint;
}

export interface Running {
  readonly logging: Logging;
  readonly clock: Clock;
  readonly sip: SipServices;
  readonly host: ModuleHost;
  readonly runner: ScriptRunner;
  /** ms since 1970 */
  readonly startedAt: number;
  /** What is in force: the config as last taken over. */
  config: Config;
  listening: readonly Listening[];
  /** Reads the config file as it is now. @throws RollcallError when it cannot be read */
  readConfig(): Config;
  /** Opens a socket. @throws RollcallError that says what to do about it */
  listen(spec: ListenSpec): Promise<ListenPoint>;
}
