// Tests the manual that is made from declarations: the table of a README to the byte, and functions with their arguments.
import assert from 'node:assert/strict';
import test from 'node:test';
import { defineModule } from '../../../core/module/define';
import { manual, manualTable } from '../../../core/module/manual';

const definition = defineModule({
  name: 'phone',
  summary: 'Rings.',
  depends: ['sl'],
  params: {
    max_expires: { type: 'integer', default: 3600, min: 1, max: 86_400, unit: 's', live: true, doc: 'Ceiling.' },
    db_url: { type: 'string', default: undefined, secret: true, doc: 'Where.' },
    mode: { type: 'string', default: 'a', oneOf: ['a', 'b'], doc: 'a | b.' },
    quiet: { type: 'boolean', default: true, doc: 'Says nothing.' },
    prefix: { type: 'string', default: '', doc: 'Before it.' },
  },
  setup: () => ({}),
});

const table = `| parameter | type | default | range | meaning |
| --- | --- | --- | --- | --- |
| \`max_expires\` | integer, s | \`3600\` | from 1 to 86400 s | Ceiling. Can be changed while the server runs. |
| \`db_url\` | string | unset |  | Where. |
| \`mode\` | string | \`a\` | one of a, b | a \\| b. |
| \`quiet\` | boolean | 1 |  | Says nothing. |
| \`prefix\` | string | empty |  | Before it. |
`;

test('the table has a row for each parameter, with type, unit, default, range and text', () => {
  assert.equal(manualTable(definition), table);
  assert.equal(manualTable({ params: {} }), 'It has no parameters.\n');
});

test('the manual has the summary, the needs, the table and the functions', () => {
  const ring = {
    summary: 'Rings once.',
    args: [
      { name: 'req', type: 'request' as const },
      { name: 'times', type: 'number' as const, optional: true, doc: 'how often' },
    ],
    returns: 'boolean' as const,
    waits: true,
    call: () => true,
  };
  assert.equal(
    manual(definition, { ring }),
    `# phone\n\nRings.\n\nNeeds: sl.\n\n## Parameters\n\n${table}\n## Functions\n\n` +
      '- `ring(req, times?): Promise<boolean>`: Rings once.\n  - `times` (number): how often\n',
  );
});
