// Owns the examples in the manuals: every fenced block of every README and page, with its place.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root, source } from './tree';

export interface Example {
  file: string;
  line: number;
  /** the word after the fence: yaml, ts, sh, console, … */
  language: string;
  text: string;
}

/** Every fenced block, in order. */
export function examples(): Example[] {
  const pages = [...filesBelow('docs', /\.md$/), ...filesBelow('modules', /\.md$/), 'README.md', 'CONTRIBUTING.md'];
  return pages.flatMap((file) => examplesIn(file, source(file)));
}

export function examplesIn(file: string, text: string): Example[] {
  const found: Example[] = [];
  let open: Example | undefined;
  text.split('\n').forEach((line, index) => {
    if (!line.startsWith('```')) {
      if (open !== undefined) open.text += `${line}\n`;
    } else if (open === undefined) {
      open = { file, line: index + 2, language: line.slice(3).trim(), text: '' };
    } else {
      found.push(open);
      open = undefined;
    }
  });
  return found;
}

/** The modules the server has. */
export function moduleNames(): string[] {
  return readdirSync(join(root, 'modules')).sort();
}
