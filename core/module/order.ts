// Owns the order in which modules are set up: what a module needs comes before it, else as `loadmodule` lists them.
import { RollcallError } from '../base/errors';

/**
 * Sorts names so that each comes after those it needs. Needs that are not among the names are left out: the config check
 * reports them.
 * @throws RollcallError when modules need each other in a circle, which it names
 */
export function dependencyOrder(names: readonly string[], needs: ReadonlyMap<string, readonly string[]>): string[] {
  const wanted = new Set(names);
  const order: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string) => {
    if (done.has(name)) return;
    const start = path.indexOf(name);
    if (start !== -1) {
      const circle = [...path.slice(start), name].join(' → ');
      throw new RollcallError(`modules need each other in a circle: ${circle}`);
    }
    path.push(name);
    for (const other of needs.get(name) ?? []) if (wanted.has(other)) visit(other);
    path.pop();
    done.add(name);
    order.push(name);
  };
  for (const name of names) visit(name);
  return order;
}
