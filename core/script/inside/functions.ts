// Owns functions inside the sandbox: those of modules, made from their declarations, and those of `rollcall` itself.
import type { FunctionOutline } from '../facade';
import { argumentStep, type Border, kindOf } from './border';
import { Message, runOfRequest } from './message';
import type { Runs } from './runs';

type Argument = FunctionOutline['args'][number];
type Callable = (...given: unknown[]) => unknown;

/**
 * A function as the script calls it: checks the arguments, lays them out, and calls the server.
 * @param number of the function @param count of all functions: both are told by one number
 */
export function makeFunction(
  border: Border,
  runs: Runs,
  { name, args, waits }: FunctionOutline,
  number: number,
  count: number,
): Callable {
  const requestPlace = args.findIndex((arg) => arg.type === 'request');
  const required = args.filter((arg) => arg.optional !== true).length;
  // A request that is optional and comes first may be left out; then the run's own stands in for it.
  const implied = args[0]?.type === 'request' && args[0].optional === true;
  const wanted = `${required === args.length ? '' : 'at least '}${required} argument${required === 1 ? '' : 's'} needed`;
  return (...given) => {
    if (implied && !(given[0] instanceof Message)) given.unshift(runs.run.request);
    if (given.length > args.length) throw new TypeError(`${name}: takes ${args.length} arguments at most`);
    const request = requestPlace === -1 ? undefined : given[requestPlace];
    const run = request === undefined ? runs.run : runOfRequest(request, name, args[requestPlace]?.name ?? '');
    if (request !== undefined) Message.forget(request as Message);
    border.clear();
    border.add(undefined);
    for (let i = 0; i < args.length; i++) {
      const arg = args[i] as Argument;
      const value = given[i];
      if (value === undefined) {
        if (arg.optional !== true) throw new TypeError(`${name}: ${arg.name} is missing (${wanted})`);
        if (arg.type !== 'request') border.add(undefined);
      } else if (arg.type === 'request') {
        // The run was told by it.
      } else if (typeof value === arg.type && !Number.isNaN(value)) {
        border.add(value as string | number);
      } else {
        throw new TypeError(`${name}: ${arg.name} must be a ${arg.type}, not ${kindOf(value)}`);
      }
    }
    border.close(run.id * count + number, argumentStep);
    const result = border.outside.invoke();
    if (result === undefined) border.raise();
    if (waits && typeof result === 'number') return runs.wait(run, result);
    const value = result === null ? undefined : result;
    return waits ? ready(value) : value;
  };
}

/** A promise of the engine's own: `Promise.resolve` would be vm2's. */
async function ready(value: unknown): Promise<unknown> {
  return value;
}

/** What `rollcall` exports. */
export function makeRollcall(border: Border, routes: ReadonlyMap<string, Callable>): Record<string, Callable> {
  const key = (id: unknown, called: string): string => {
    if (typeof id === 'number' || typeof id === 'string') return String(id);
    throw new TypeError(`${called}: id must be a number or a string, not ${kindOf(id)}`);
  };
  return {
    avp(req, id) {
      border.layOut(runOfRequest(req, 'avp', 'req').id, key(id, 'avp'));
      const value = border.outside.avp();
      return value === null ? undefined : value;
    },
    set_avp(req, id, value) {
      if (typeof value !== 'string' && typeof value !== 'number') {
        throw new TypeError(`set_avp: value must be a string or a number, not ${kindOf(value)}`);
      }
      border.layOut(runOfRequest(req, 'set_avp', 'req').id, key(id, 'set_avp'), value);
      border.outside.setAvp();
    },
    async route(req, name) {
      runOfRequest(req, 'route', 'req');
      const target = routes.get(String(name));
      if (target === undefined) throw new TypeError(`route: the script exports no function "${String(name)}"`);
      return await target(req);
    },
  };
}
