// Holds the module manuals to the declarations: parameter tables are what is declared, no function goes unmentioned.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { inspect } from '../../core/cli/inspect';
import { parseConfig } from '../../core/config/config';
import { ModuleLoader } from '../../core/module/loader';
import { manualTable } from '../../core/module/manual';
import { moduleNames } from '../support/examples';
import { root, source } from '../support/tree';

/** The rows of the markdown tables of a text, cells trimmed, without the line under the heading. */
function rows(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|:-]+\|$/.test(line))
    .map((line) => line.replace(/\s*(?<!\\)\|\s*/g, ' | ').trim());
}

/** What stands under a heading, up to the next one of the same level. */
function section(text: string, heading: string): string {
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start < 0) return '';
  const end = text.indexOf('\n## ', start + 4);
  return text.slice(start, end < 0 ? undefined : end);
}

const documented = moduleNames().filter((name) => existsSync(join(root, 'modules', name, 'README.md')));

describe('module manuals', () => {
  for (const name of documented) {
    const text = source(`modules/${name}/README.md`);

    test(`${name}: the manual begins with its name`, () => {
      assert.ok(text.startsWith(`# ${name}\n`));
    });

    test(`${name}: the table under "Parameters" is what is declared`, async () => {
      const definition = await new ModuleLoader([]).load(name);
      assert.deepEqual(
        rows(section(text, 'Parameters')),
        rows(manualTable(definition)),
        `rollcall module ${name} prints it`,
      );
    });
  }

  test('every function and every command a module lends out is in its manual', async () => {
    const config = { listen: ['udp:127.0.0.1:0'], script: '../scripts/presence.ts', loadmodule: moduleNames() };
    const missing = await inspect(parseConfig(join(root, 'etc/example.yaml'), JSON.stringify(config), {}), ({ host }) =>
      [...host.functions].flatMap(([name, functions]) => {
        if (!documented.includes(name)) return [];
        const text = source(`modules/${name}/README.md`);
        return Object.keys(functions)
          .filter((key) => !text.includes(`\`${key}`))
          .map((key) => `${name}: ${key}`);
      }),
    );
    assert.deepEqual(missing, []);
  });
});
