// Owns the tokens by which modules meet: extension points (many items by key) and services (one implementation).
import type { DatabaseDriver } from '../db/database';
import type { Takeover } from '../db/takeover';
import type { ServerTransaction } from '../sip/transaction/layer';

declare const item: unique symbol;

/** A named place where modules offer items and others collect them; load order does not matter. */
export interface ExtensionPoint<T> {
  readonly name: string;
  readonly [item]?: T;
}

/** A named thing that one module offers and others use. */
export interface ServiceToken<T extends object> {
  readonly name: string;
  readonly [item]?: T;
}

/** Declares an extension point. The name is `MODULE.WHAT`; two declarations of one name are one point. */
export function extensionPoint<T>(name: string): ExtensionPoint<T> {
  return { name };
}

/** Declares a service. The name is that of the module that offers it. */
export function service<T extends object>(name: string): ServiceToken<T> {
  return { name };
}

/** Drivers by URL scheme: `sqlite`, `mysql`. `ctx.openDatabase` finds them here. */
export const databaseDrivers = extensionPoint<DatabaseDriver>('core.database_drivers');

/** Those who take over what another server has stored, by the name of their module. `rollcall db import` asks them in this order. */
export const takeovers = extensionPoint<Takeover>('core.takeovers');

/**
 * Whoever is asked for each request before the routing script is: true when it has been taken, and will be answered. For what
 * the nodes of a cluster say to one another, which no script should have to know of.
 */
export const requestTakers = extensionPoint<(transaction: ServerTransaction) => boolean>('core.request_takers');
