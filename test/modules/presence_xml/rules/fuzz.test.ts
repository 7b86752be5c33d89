// Holds rules and transformation against documents nobody thought of: secrets in every element, random grants, broken bytes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { CompiledRules } from '../../../../modules/presence/api';
import { composePidf } from '../../../../modules/presence_xml/compose';
import { inspect } from '../../../../modules/presence_xml/inspect';
import { compileRules } from '../../../../modules/presence_xml/rules/compile';
import { maxDocument } from '../../../../modules/presence_xml/rules/document';
import { transformPidf } from '../../../../modules/presence_xml/rules/transform';
import { handlings } from '../../../../modules/presence_xml/rules/transformations';
import { broken } from '../../../support/broken';
import { filesBelow, root } from '../../../support/tree';
import { alice, published } from '../pidf';
import { fullDocument, grants, publication, type Secret, visible } from './secrets';

const seed = 20_251_123;

const wrap = (rules: string) =>
  Buffer.from(
    `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">${rules}</ruleset>`,
  );

function compiled(rules: string): CompiledRules {
  const result = compileRules(wrap(rules));
  return result.ok ? result.rules : assert.fail(`${result.reason}\n${rules}`);
}

const bob = { watcher: 'sip:bob@example.com', now: 1000, sphere: undefined };
const allow = '<actions><pr:sub-handling>allow</pr:sub-handling></actions>';

test('of secrets in every element and attribute, exactly those are shown that are granted', () => {
  fc.assert(
    fc.property(publication, fc.array(grants, { minLength: 1, maxLength: 3 }), (components, list) => {
      const secrets: Secret[] = [];
      const document = composePidf(alice, [published(fullDocument(components, secrets))]);
      const rules = list.map(
        (grant, i) => `<rule id="r${i}">${allow}<transformations>${grant.xml}</transformations></rule>`,
      );
      const { view } = compiled(rules.join('')).evaluate(bob);
      const shown = transformPidf(alice, document, view);
      const text = shown.toString();
      assert.equal(inspect(shown).ok, true, text);
      assert.match(text, /<basic[ >]/);
      for (const secret of secrets) {
        assert.equal(
          text.includes(secret.token),
          visible(secret, list),
          `${JSON.stringify(secret)}\n${rules.join('\n')}\n${text}`,
        );
      }
      assert.ok(view.key.length <= 100, view.key);
    }),
    { seed, numRuns: 600 },
  );
});

test('the order of rules does not matter, and the same is seen wherever the key is the same', () => {
  fc.assert(
    fc.property(publication, fc.array(grants, { minLength: 1, maxLength: 4 }), (components, list) => {
      const document = composePidf(alice, [published(fullDocument(components, []))]);
      const rules = list.map(
        (grant, i) => `<rule id="r${i}">${allow}<transformations>${grant.xml}</transformations></rule>`,
      );
      const one = compiled(rules.join('')).evaluate(bob).view;
      const other = compiled(rules.toReversed().join('')).evaluate(bob).view;
      const twice = compiled(rules.join('') + rules.join('').replaceAll('id="r', 'id="s')).evaluate(bob).view;
      assert.equal(other.key, one.key);
      assert.equal(twice.key, one.key);
      const expected = transformPidf(alice, document, one);
      assert.deepEqual(transformPidf(alice, Buffer.from(document), other), expected);
      // RFC 5025 §4: D = F(D), which a class cannot keep that selects and is not provided itself.
      const keepsClass = list.some(({ all, attributes }) => all || attributes.has('class'));
      if (keepsClass || !list.some(({ xml }) => xml.includes('pr:class>'))) {
        assert.equal(transformPidf(alice, Buffer.from(expected), one).toString(), expected.toString());
      }
    }),
    { seed, numRuns: 500 },
  );
});

const identity = fc.constantFrom(
  '',
  '<identity><one id="sip:bob@example.com"/></identity>',
  '<identity><one id="sip:carol@example.com"/></identity>',
  '<identity><many/></identity>',
  '<identity><many domain="example.org"/></identity>',
  '<identity><many><except id="sip:bob@example.com"/></many></identity>',
  '<sphere value="work"/>',
  '<validity><from>1970-01-01T00:00:00Z</from><until>1970-01-02T00:00:00Z</until></validity>',
  '<x:moon xmlns:x="urn:x"/>',
);
const handling = fc.constantFrom('', ...handlings.map((value) => `<pr:sub-handling>${value}</pr:sub-handling>`));
const rule = fc
  .record({ identity, handling, grant: grants })
  .map(
    (r) =>
      `<conditions>${r.identity}</conditions><actions>${r.handling}</actions><transformations>${r.grant.xml}</transformations>`,
  );
const watcher = fc.constantFrom('sip:bob@example.com', 'sip:carol@example.org', 'tel:+1', undefined);

test('a rule more never takes anything away, neither the handling nor a secret', () => {
  fc.assert(
    fc.property(publication, fc.array(rule, { maxLength: 3 }), rule, watcher, (components, list, added, who) => {
      const secrets: Secret[] = [];
      const document = composePidf(alice, [published(fullDocument(components, secrets))]);
      const input = { watcher: who, now: 1000, sphere: 'work' };
      const numbered = (bodies: string[]) => bodies.map((body, i) => `<rule id="r${i}">${body}</rule>`).join('');
      const before = compiled(numbered(list)).evaluate(input);
      const after = compiled(numbered([...list, added])).evaluate(input);
      const rank = (value: (typeof handlings)[number] | undefined) =>
        value === undefined ? -1 : handlings.indexOf(value);
      assert.ok(rank(after.handling) >= rank(before.handling));
      const less = transformPidf(alice, document, before.view).toString();
      const more = transformPidf(alice, document, after.view).toString();
      for (const { token } of secrets) if (less.includes(token)) assert.ok(more.includes(token), token);
      assert.equal(after.explanation.length, list.length + 1);
    }),
    { seed, numRuns: 500 },
  );
});

const documents = filesBelow('test/modules/presence/rules', /\.yaml$/)
  .flatMap((file) => parse(readFileSync(join(root, file), 'utf8')) as { rules?: string }[])
  .flatMap(({ rules }) => (rules === undefined ? [] : [rules.startsWith('<rule ') ? wrap(rules) : Buffer.from(rules)]));

test('broken bytes compile or are refused with a place and a reason, and never throw', () => {
  fc.assert(
    fc.property(broken(documents, 4), fc.string(), (body, who) => {
      const result = compileRules(body);
      if (!result.ok) assert.match(result.reason, /^\d+:\d+: [\x20-\x7e]{1,200}$/);
      else exercise(result.rules, result.warnings, who);
    }),
    { seed, numRuns: 4000 },
  );
});

function exercise(rules: CompiledRules, warnings: readonly string[], who: string): void {
  for (const warning of warnings) assert.match(warning, /^(\d+:\d+: [\x20-\x7e]{1,300}|\d+ more warnings)$/);
  for (const watcherUri of [`sip:${who}@example.com`, who, 'sip:bob@example.com', undefined]) {
    const { explanation, view } = rules.evaluate({ watcher: watcherUri, now: 1_071_000_000, sphere: who });
    assert.equal(explanation.length, rules.describe().length);
    assert.ok(view.key.length <= 100);
  }
  let now = 0;
  for (let i = 0; i < 20; i++) {
    const next = rules.nextChange(now);
    assert.ok(next > now);
    if (!Number.isFinite(next)) break;
    now = next;
  }
}

test('hostile documents of the largest size are refused or compiled', () => {
  const fill = (unit: string, before = '', after = '') =>
    Buffer.from(before + unit.repeat(Math.floor((maxDocument - before.length - after.length) / unit.length)) + after);
  const head = '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">';
  const open = `${head}<rule id="a"><conditions><identity>`;
  const close = '</identity></conditions></rule></ruleset>';
  const hostile = [
    fill('<rule id="a"/>', head, '</ruleset>'),
    fill('<rule>', head),
    fill('<one id="x"/>', open, close),
    fill('<one/>', open, close),
    fill('<many/>', open, close),
    fill('<many><except/>', open),
    fill(' ', `${open}<one id="`, `"/>${close}`),
    fill('%41', `${open}<one id="sip:`, `@b"/>${close}`),
    fill('@', `${open}<one id="sip:a`, `"/>${close}`),
    fill('é', `${open}<many domain="`, `"/>${close}`),
    fill('(', `${open}<one id="tel:`, `"/>${close}`),
    fill('a ', `${head}<rule id="a"><conditions><sphere value="`, '"/></conditions></rule></ruleset>'),
    fill('1', `${head}<rule id="a"><conditions><validity><from>`, '</from></validity></conditions></rule></ruleset>'),
    fill('\n', `${head}<rule id="a"><conditions>`, '</conditions></rule></ruleset>'),
    Buffer.alloc(maxDocument + 1, 0x20),
  ];
  for (const document of hostile) {
    const result = compileRules(document);
    if (result.ok) exercise(result.rules, result.warnings, 'bob');
    else assert.match(result.reason, /^\d+:\d+: [\x20-\x7e]{1,200}$/);
  }
});
