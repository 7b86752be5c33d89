// Owns what V8 has made of the server's own module files: one whose text is as before is not compiled again when its module is reloaded.
import { readFileSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { Script } from 'node:vm';

interface Compiled {
  /** The file's text, as V8 keeps it anyway. */
  readonly source: string;
  readonly script: Script;
}

/** What a file's text is the body of. */
type Body = (
  this: unknown,
  exports: unknown,
  require: (id: string) => unknown,
  module: NodeJS.Module,
  filename: string,
  dirname: string,
) => void;

/** As every hook of Node's loader uses it; its types leave it out. */
type Loading = NodeJS.Module & { _compile(text: string, filename: string): void };

const head = '(function (exports, require, module, __filename, __dirname) {\n';
const tail = '\n})';
const sourceMap = /\n(\/\/# sourceMappingURL=[^\s]+)\s*$/;

/**
 * From here on the files below `folder` (absolute) are compiled once for each text they have. Everything in a file is made anew at each
 * load all the same; what is shared is V8's code for its functions, without which each reload under load begins with a second
 * or two in which everything is slow (`docs/decisions/0011-reload.md`).
 */
export function keepCompiled(folder: string): void {
  const files = new Map<string, Compiled>();
  const load = require.extensions['.js'];
  require.extensions['.js'] = (module, filename) => {
    if (!filename.startsWith(folder + sep)) return load(module, filename);
    const text = readFileSync(filename, 'utf8');
    const source = head + text + tail;
    let compiled = files.get(filename);
    if (compiled?.source !== source) {
      // The head's line is not counted, so that places in the file are where they are.
      compiled = { source, script: new Script(source, { filename, lineOffset: -1 }) };
      files.set(filename, compiled);
    }
    // An empty file of this name, by which Node learns where the source map is: errors name lines of the source.
    (module as Loading)._compile(sourceMap.exec(text)?.[1] ?? '', filename);
    const body: Body = compiled.script.runInThisContext();
    body.call(module.exports, module.exports, (id) => module.require(id), module, filename, dirname(filename));
  };
}
