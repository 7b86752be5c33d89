// Owns a module's manual, made from its declarations: the parameter table of its README, and what `rollcall module` prints.
import { describeRange, type ParamDeclaration } from '../base/params';
import type { ModuleDefinition } from './define';
import type { ScriptArg, ScriptFunction } from './function';

/** The parameters as a markdown table, ending in a line feed; a sentence when there are none. */
export function manualTable(definition: Pick<ModuleDefinition, 'params'>): string {
  const rows = Object.entries(definition.params).map(([name, declaration]) => {
    const cells = [
      `\`${name}\``,
      typeOf(declaration),
      defaultOf(declaration),
      describeRange(declaration),
      textOf(declaration),
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  if (rows.length === 0) return 'It has no parameters.\n';
  return ['| parameter | type | default | range | meaning |', '| --- | --- | --- | --- | --- |', ...rows, ''].join(
    '\n',
  );
}

/** The functions for scripts as a markdown list, ending in a line feed; empty when there are none. */
export function manualFunctions(functions: Readonly<Record<string, ScriptFunction>>): string {
  return Object.entries(functions)
    .map(([name, fn]) => `- \`${signature(name, fn)}\`: ${fn.summary}\n${fn.args.map(argument).join('')}`)
    .join('');
}

/** The whole manual as markdown. */
export function manual(definition: ModuleDefinition, functions: Readonly<Record<string, ScriptFunction>>): string {
  const parts = [`# ${definition.name}\n\n${definition.summary}\n`];
  if (definition.depends.length > 0) parts.push(`Needs: ${definition.depends.join(', ')}.\n`);
  parts.push(`## Parameters\n\n${manualTable(definition)}`);
  const list = manualFunctions(functions);
  if (list !== '') parts.push(`## Functions\n\n${list}`);
  return parts.join('\n');
}

/** `handle_publish(req, sender_uri?): Promise<boolean>`. */
export function signature(name: string, fn: ScriptFunction): string {
  const args = fn.args.map((arg) => (arg.optional === true ? `${arg.name}?` : arg.name)).join(', ');
  return `${name}(${args}): ${fn.waits ? `Promise<${fn.returns}>` : fn.returns}`;
}

function argument(arg: ScriptArg): string {
  return arg.doc === undefined ? '' : `  - \`${arg.name}\` (${arg.type}): ${arg.doc}\n`;
}

function typeOf(declaration: ParamDeclaration): string {
  return declaration.unit === undefined ? declaration.type : `${declaration.type}, ${declaration.unit}`;
}

function defaultOf(declaration: ParamDeclaration): string {
  if (declaration.default === undefined) return 'unset';
  if (declaration.type === 'boolean') return declaration.default ? '1' : '0';
  return declaration.default === '' ? 'empty' : `\`${declaration.default}\``;
}

function textOf(declaration: ParamDeclaration): string {
  return declaration.live === true ? `${declaration.doc} Can be changed while the server runs.` : declaration.doc;
}
