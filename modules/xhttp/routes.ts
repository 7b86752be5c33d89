// Owns which route a request belongs to.
import type { HttpRoute } from './api';

export type Found =
  | { readonly route: HttpRoute }
  /** The path is there, and answers to these methods only. */
  | { readonly allow: readonly string[] }
  | undefined;

/** Longer paths have no route: what a search takes is bounded. */
const maxPath = 4096;

/** Looks for `METHOD PATH`, then for `METHOD PREFIX/*` with the longest prefix. */
export function findRoute(routes: ReadonlyMap<string, HttpRoute>, method: string, path: string): Found {
  if (path.length > maxPath) return undefined;
  const wanted = method === 'HEAD' ? 'GET' : method;
  for (const pattern of patternsOf(path)) {
    const route = routes.get(`${wanted} ${pattern}`);
    if (route !== undefined) return { route };
    const allow = [...routes.keys()].filter((key) => key.slice(key.indexOf(' ') + 1) === pattern);
    if (allow.length > 0) return { allow: allow.map((key) => key.slice(0, key.indexOf(' '))) };
  }
  return undefined;
}

function* patternsOf(path: string): Iterable<string> {
  yield path;
  // A path of slashes only has as many prefixes as it has characters: no route is that deep.
  const depth = 32;
  for (let end = path.lastIndexOf('/'), n = 0; end >= 0 && n < depth; end = path.lastIndexOf('/', end - 1), n++) {
    yield `${path.slice(0, end)}/*`;
    if (end === 0) return;
  }
}
