// Owns the view that tests have of the source tree: where it is, and the text of its files.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const skipped = /^(node_modules|\.git|var|dist(-.*)?)$/;

/** The folder of package.json, found upwards from the compiled test. */
export const root = findRoot(__dirname);

/** Paths below `folder` (relative to the root, `/` between parts) whose name matches, sorted. */
export function filesBelow(folder: string, name: RegExp): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skipped.test(entry.name)) visit(child);
      } else if (name.test(entry.name)) found.push(child);
    }
  };
  visit(folder === '.' ? '' : folder);
  return found.sort();
}

/** The text of a file of the tree. */
export function source(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function findRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const names = readdirSync(folder);
    if (names.includes('package.json') && names.includes('core')) return folder;
    if (dirname(folder) === folder) throw new Error(`no source tree above ${relative('.', from)}`);
  }
}
