// Owns taking a module's compiled files out of Node's cache and putting them back, so that its code can be loaded anew.
import { sep } from 'node:path';

/** Files that have been taken out of the cache. */
export interface TakenOut {
  /** Forgets the files for good: nothing in the cache leads to their code any more. */
  forget(): void;
  /** Takes out what was loaded since and puts the old files in again. */
  putBack(): void;
}

/** Takes out every cached file of a folder (or one file), and of nothing else. @param path absolute */
export function takeOut(path: string): TakenOut {
  const old = cachedUnder(path);
  for (const module of old) delete require.cache[module.filename];
  return {
    forget: () => disown(new Set(old)),
    putBack() {
      const loaded = cachedUnder(path);
      for (const module of loaded) delete require.cache[module.filename];
      disown(new Set(loaded));
      for (const module of old) require.cache[module.filename] = module;
    },
  };
}

function cachedUnder(path: string): NodeJS.Module[] {
  return Object.values(require.cache).filter(
    (module): module is NodeJS.Module =>
      module !== undefined && (module.filename === path || module.filename.startsWith(path + sep)),
  );
}

/** A module keeps those it was the first to load in `children`, for ever: without this no code would ever be collected. */
function disown(gone: ReadonlySet<NodeJS.Module>): void {
  for (const module of Object.values(require.cache)) {
    if (module?.children.some((child) => gone.has(child))) {
      module.children = module.children.filter((child) => !gone.has(child));
    }
  }
}
