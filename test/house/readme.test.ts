// Holds the manuals to the truth: every YAML example is a config, every TypeScript example a script or a module that loads.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { inspect } from '../../core/cli/inspect';
import { types } from '../../core/cli/types';
import { parseConfig } from '../../core/config/config';
import { ModuleLoader } from '../../core/module/loader';
import { type Example, examples, moduleNames } from '../support/examples';
import { ScriptedTerminal } from '../support/terminal';
import { root } from '../support/tree';

const all = examples();
const ofLanguage = (...languages: string[]) => all.filter(({ language }) => languages.includes(language));
const isModule = ({ text }: Example) => text.includes('defineModule(');
const at = ({ file, line }: Example) => `${file}:${line}`;

const folder = mkdtempSync(join(tmpdir(), 'rollcall-manual-'));
const modules = join(folder, 'my-modules');
mkdirSync(modules);
for (const example of ofLanguage('ts').filter(isModule))
  writeFileSync(join(modules, `${nameOf(example)}.ts`), example.text);
const ownModules = ofLanguage('ts').filter(isModule).map(nameOf);

function nameOf({ text }: Example): string {
  return /name: '(\w+)'/.exec(text)?.[1] ?? 'nameless';
}

/** A config that has everything an example may lean on, with what the example says in its place. */
function completed(text: string): string {
  const example = parse(text) as Record<string, unknown>;
  if ('listen' in example) return text;
  const loadmodule = [...new Set([...moduleNames(), ...ownModules])];
  const base = { listen: ['udp:127.0.0.1:0'], script: '../scripts/presence.ts', loadmodule };
  return stringify({ ...base, ...example, loadmodule, module_path: [modules] });
}

async function problemsOf(text: string): Promise<string[]> {
  const config = parseConfig(join(root, 'etc/example.yaml'), text, {});
  return inspect(config, ({ problems }) => problems.map(({ line, message }) => `${line}: ${message}`));
}

/** A script around an example that shows only a few lines: they stand inside request_route, what they call is imported. */
async function wholeScript(text: string): Promise<string> {
  if (/^export /m.test(text)) return text;
  const imports = new Map<string, string[]>();
  await inspect(parseConfig(join(root, 'etc/example.yaml'), completed('{}'), {}), ({ host }) => {
    for (const [module, functions] of host.functions) {
      const used = Object.keys(functions).filter(
        (name) => new RegExp(`\\b${name}\\(`).test(text) && !text.includes(`{ ${name}`),
      );
      if (used.length > 0) imports.set(module, used);
    }
  });
  const own = text.split('\n').filter((line) => line.startsWith('import '));
  const rest = text.split('\n').filter((line) => !line.startsWith('import '));
  const rollcall = ['avp', 'set_avp', 'route'].filter((name) => new RegExp(`\\b${name}\\(`).test(text));
  const made = [...imports].map(([module, names]) => `import { ${names.join(', ')} } from '${module}';`);
  return [
    `import { ${[...rollcall, 'type Request'].join(', ')} } from 'rollcall';`,
    ...own,
    ...made,
    'export async function request_route(req: Request): Promise<unknown> {',
    ...rest,
    'return undefined;',
    '}',
  ].join('\n');
}

describe('examples in the manuals', () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const example of ofLanguage('yaml')) {
    test(`${at(example)}: the config has no problem`, async () => {
      assert.deepEqual(await problemsOf(completed(example.text)), []);
    });
  }

  for (const example of ofLanguage('ts').filter(isModule)) {
    test(`${at(example)}: the module loads`, async () => {
      const definition = await new ModuleLoader([modules]).load(nameOf(example));
      assert.equal(definition.name, nameOf(example));
      assert.ok(definition.summary.endsWith('.'));
    });
  }

  const scripts = ofLanguage('ts').filter((example) => !isModule(example));
  for (const [index, example] of scripts.entries()) {
    test(`${at(example)}: the script compiles against the loaded modules`, async () => {
      const file = join(folder, `script${index}.ts`);
      const script = await wholeScript(example.text);
      writeFileSync(
        file,
        script.includes('request_route') ? script : `${script}\nexport function request_route() {}\n`,
      );
      assert.deepEqual(await problemsOf(completed(stringify({ script: file }))), []);
    });
  }

  test('the scripts and modules shown pass the type checker', async () => {
    writeFileSync(join(folder, 'config.yaml'), completed(stringify({ script: join(root, 'scripts/presence.ts') })));
    const terminal = new ScriptedTerminal();
    await types(['-f', join(folder, 'config.yaml'), '-o', join(folder, 'rollcall.d.ts')], terminal);
    const settings = {
      extends: join(root, 'scripts/tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(root, 'node_modules/@types')],
        paths: { 'rollcall/*': [`${root}/*`] },
        skipLibCheck: true,
      },
      include: ['*.ts', 'my-modules/*.ts'],
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ ...settings, compilerOptions: { ...settings.compilerOptions, types: ['node'] } }),
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });

  test('a fenced block says its language, one that is tested or plain text', () => {
    const known = ['yaml', 'ts', 'sh', 'console', 'text', 'sql', 'sip', 'xml', 'json'];
    assert.deepEqual(all.filter(({ language }) => !known.includes(language)).map(at), []);
  });
});
