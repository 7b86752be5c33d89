// Owns what modules offer each other: items at extension points and services, each with the module that holds it.
import { RollcallError } from '../base/errors';
import type { ExtensionPoint, ServiceToken } from './points';

interface Offer {
  readonly module: string;
  readonly implementation: object;
}

/** Undoes one registration; a second call does nothing. */
export type Undo = () => void;

/** One per server. Everything handed out stays valid while modules come and go. */
export class Registry {
  readonly #points = new Map<string, Map<string, unknown>>();
  /** Who holds which key: `POINT KEY`. */
  readonly #holders = new Map<string, string>();
  readonly #services = new Map<string, Offer>();
  readonly #handles = new Map<string, object>();

  /** @throws RollcallError when another module holds the key */
  mayProvide<T>(module: string, point: ExtensionPoint<T>, key: string): void {
    const holder = this.#holders.get(`${point.name} ${key}`);
    if (holder === undefined || holder === module) return;
    throw new RollcallError(`${module} and ${holder} both provide "${key}" at ${point.name}: load only one of them`);
  }

  /** @throws RollcallError when another module offers the service */
  mayOffer<T extends object>(module: string, service: ServiceToken<T>): void {
    const holder = this.#services.get(service.name)?.module;
    if (holder === undefined || holder === module) return;
    throw new RollcallError(`${module} and ${holder} both offer ${service.name}: load only one of them`);
  }

  /** The keys that a module holds at a point. */
  keysOf<T>(module: string, point: ExtensionPoint<T>): string[] {
    return [...this.#items(point.name).keys()].filter((key) => this.#holders.get(`${point.name} ${key}`) === module);
  }

  /** @throws RollcallError when the key is taken */
  provide<T>(module: string, point: ExtensionPoint<T>, key: string, item: T): Undo {
    const items = this.#items(point.name);
    const holderKey = `${point.name} ${key}`;
    this.mayProvide(module, point, key);
    if (this.#holders.has(holderKey)) throw new RollcallError(`${module} provides "${key}" twice at ${point.name}`);
    items.set(key, item);
    this.#holders.set(holderKey, module);
    return () => {
      if (items.get(key) !== item) return;
      items.delete(key);
      this.#holders.delete(holderKey);
    };
  }

  /** The items of a point, a live view. */
  collect<T>(point: ExtensionPoint<T>): ReadonlyMap<string, T> {
    return this.#items(point.name) as ReadonlyMap<string, T>;
  }

  /** @throws RollcallError when another module offers the service */
  offer<T extends object>(module: string, service: ServiceToken<T>, implementation: T): Undo {
    this.mayOffer(module, service);
    if (this.#services.has(service.name)) throw new RollcallError(`${module} offers ${service.name} twice`);
    const offer = { module, implementation };
    this.#services.set(service.name, offer);
    return () => {
      if (this.#services.get(service.name) === offer) this.#services.delete(service.name);
    };
  }

  /** A handle that finds the implementation anew at each use. @throws RollcallError when nobody offers the service now */
  use<T extends object>(service: ServiceToken<T>): T {
    this.#current(service.name);
    const known = this.#handles.get(service.name);
    if (known !== undefined) return known as T;
    const handle = this.#handle(service.name);
    this.#handles.set(service.name, handle);
    return handle as T;
  }

  #items(name: string): Map<string, unknown> {
    let items = this.#points.get(name);
    if (items === undefined) {
      items = new Map();
      this.#points.set(name, items);
    }
    return items;
  }

  #current(name: string): Record<PropertyKey, unknown> {
    const offer = this.#services.get(name);
    if (offer === undefined) {
      throw new RollcallError(`no loaded module offers ${name}`, {
        hint: `name the module that offers it in \`depends\` and in loadmodule`,
      });
    }
    return offer.implementation as Record<PropertyKey, unknown>;
  }

  #handle(name: string): object {
    // A method may be taken off the handle and kept: it, too, finds the implementation of the moment.
    const methods = new Map<PropertyKey, (...args: unknown[]) => unknown>();
    return new Proxy(
      {},
      {
        get: (_, property) => {
          const current = this.#current(name);
          const value = current[property];
          if (typeof value !== 'function') return value;
          const known = methods.get(property);
          if (known !== undefined) return known;
          const method = (...args: unknown[]) => {
            const now = this.#current(name);
            const fn = now[property];
            if (typeof fn !== 'function') throw new RollcallError(`${name} has no ${String(property)} any more`);
            return Reflect.apply(fn, now, args);
          };
          methods.set(property, method);
          return method;
        },
        has: (_, property) => property in this.#current(name),
        set: () => false,
      },
    );
  }
}
