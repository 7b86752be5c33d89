// Holds the rules of a presentity to a table of cases: who is let in, and what exactly they see (rules/*.yaml).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import type { CompiledRules, RuleOutcome } from '../../../modules/presence/api';
import { composePidf } from '../../../modules/presence_xml/compose';
import { inspect } from '../../../modules/presence_xml/inspect';
import { compileRules } from '../../../modules/presence_xml/rules/compile';
import { transformPidf } from '../../../modules/presence_xml/rules/transform';
import { filesBelow, root } from '../../support/tree';

/** What a watcher gets at a time. */
interface Expected {
  /** Default: sip:bob@example.com. null: not authenticated. */
  watcher?: string | null;
  /** xs:dateTime; default: 2026-01-15T12:00:00Z. */
  at?: string;
  sphere?: string;
  /** none: no rule matches. */
  handling?: string;
  /** Ids of the rules that match, all of them. */
  matches?: string[];
  /** When time alone may change it, or never. */
  next?: string;
  /** The whole document. */
  document?: string;
  shows?: string[];
  hides?: string[];
  /** The document of somebody who may see nothing, or the composed one itself. */
  same_as?: 'nothing' | 'everything';
}

/** Rules: a document, or rules to be put into one, or who is allowed (`who`) and what is granted (`grant`) in one rule. */
interface Case {
  name: string;
  rules?: string;
  who?: string;
  grant?: string;
  outcomes?: Expected[];
  /** What the warnings hold, in order; none are expected when it is left out. */
  warnings?: string[];
  words?: string[];
  refused?: string;
  /** Other rules that let the same be seen: their view has the same key. */
  same_view?: string;
}

const alice = 'sip:alice@example.com';
const folder = 'test/modules/presence/rules';
const body = readFileSync(join(root, folder, 'published/full.pidf'));
const published = composePidf(alice, [{ etag: 'e', body, changedAt: 1, sequence: 1 }]);
const closed = composePidf(alice, []);

const files = filesBelow(folder, /\.yaml$/);
const cases = files.flatMap((file) =>
  (parse(readFileSync(join(root, file), 'utf8')) as Case[]).map((each) => ({ ...each, file: basename(file) })),
);

/** The document of a case. Its first line is the start tag of `ruleset`, so rules begin on the second. */
function documentOf({ rules, who, grant }: Case): Buffer {
  if (rules !== undefined && /^(<\?xml|<(\w+:)?ruleset\b|<!|<rules |$)/.test(rules)) return Buffer.from(rules);
  const identity = who === undefined ? '' : `<conditions><identity>${who}</identity></conditions>`;
  const allow = '<actions><pr:sub-handling>allow</pr:sub-handling></actions>';
  const rule = rules ?? `<rule id="a">${identity}${allow}<transformations>${grant ?? ''}</transformations></rule>`;
  return Buffer.from(
    `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">\n${rule}</ruleset>`,
  );
}

function compiled(each: Case): CompiledRules {
  const result = compileRules(documentOf(each));
  if (!result.ok) assert.fail(result.reason);
  const expected = each.warnings ?? [];
  assert.equal(result.warnings.length, expected.length, result.warnings.join('\n'));
  for (const [i, warning] of result.warnings.entries()) {
    assert.ok(warning.includes(expected[i] ?? ''), `${warning} has no "${expected[i]}"`);
    assert.match(warning, /^\d+:\d+: [\x20-\x7e]+$/);
  }
  return result.rules;
}

const seconds = (time: string) => Date.parse(time) / 1000;

function outcomeOf(rules: CompiledRules, { watcher, at, sphere }: Expected): RuleOutcome {
  const now = seconds(at ?? '2026-01-15T12:00:00Z');
  return rules.evaluate({ watcher: watcher === null ? undefined : (watcher ?? 'sip:bob@example.com'), now, sphere });
}

function verify(rules: CompiledRules, expected: Expected): void {
  const outcome = outcomeOf(rules, expected);
  if (expected.handling !== undefined) assert.equal(outcome.handling ?? 'none', expected.handling);
  const matched = outcome.explanation.filter((rule) => rule.matched).map(({ rule }) => rule);
  if (expected.matches !== undefined) assert.deepEqual(matched, expected.matches);
  assert.equal(matched.length === 0, outcome.handling === undefined);
  for (const { reasons } of outcome.explanation) assert.ok(reasons.length > 0 && reasons.every((r) => r !== ''));
  if (expected.next !== undefined) {
    const next = rules.nextChange(seconds(expected.at ?? '2026-01-15T12:00:00Z'));
    assert.equal(next, expected.next === 'never' ? Number.POSITIVE_INFINITY : seconds(expected.next));
  }

  const document = transformPidf(alice, published, outcome.view);
  const text = document.toString();
  assert.deepEqual(inspect(document).ok, true, text);
  if (expected.document !== undefined) assert.equal(text, expected.document);
  if (expected.same_as === 'nothing') assert.equal(text, closed.toString());
  if (expected.same_as === 'everything') assert.equal(document, published);
  // The entity and the namespaces that every document may have are not what a case is about.
  const shown = text.slice(text.indexOf('<presence'));
  for (const part of expected.shows ?? []) assert.ok(shown.includes(part), `no ${part} in\n${text}`);
  for (const part of expected.hides ?? [])
    assert.ok(!shown.replace(/xmlns:(dm|rpid)="[^"]*"/g, '').includes(part), `${part} in\n${text}`);
}

for (const each of cases) {
  test(`${each.file}: ${each.name}`, () => {
    if (each.refused !== undefined) {
      const result = compileRules(documentOf(each));
      assert.equal(result.ok, false);
      if (!result.ok) assert.ok(result.reason.includes(each.refused), result.reason);
      if (!result.ok) assert.match(result.reason, /^\d+:\d+: [\x20-\x7e]+$/);
      return;
    }
    const rules = compiled(each);
    for (const expected of each.outcomes ?? []) verify(rules, expected);
    if (each.words !== undefined) assert.deepEqual(rules.describe(), each.words);
    if (each.same_view === undefined) return;
    const other = compiled({ name: each.name, rules: each.same_view });
    assert.equal(outcomeOf(other, {}).view.key, outcomeOf(rules, {}).view.key);
  });
}

test('the table is long, and every case says what it expects', () => {
  assert.ok(cases.length >= 60, `${cases.length} cases`);
  const empty = cases.filter((each) => each.refused === undefined && (each.outcomes ?? []).length === 0);
  assert.deepEqual(
    empty.map(({ name }) => name),
    [],
  );
});
