// Owns the services that the core itself offers to modules: `ctx.use(health)`, `ctx.use(control)`.
import { service } from './points';

/** Whether the server can serve. */
export interface Health {
  /** What is in the way, a sentence each; empty: requests are served. Never rejects, and answers within two seconds. */
  problems(): Promise<readonly string[]>;
}

export const health = service<Health>('core.health');

/** The commands of the control socket, for modules that open another way to them. They decide who may come that way. */
export interface Control {
  /**
   * Serves one text of JSON-RPC 2.0, a batch included. Undefined when no answer is due. Never rejects.
   * @param gone aborted when the caller has left: a command that goes on until then ends
   */
  serve(text: string, gone: AbortSignal): Promise<string | undefined>;
}

export const control = service<Control>('core.control');
