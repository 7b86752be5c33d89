// Holds what presence_dialoginfo offers to presence, and its parameters to what they do.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ModuleContext } from '../../../core/api';
import type { EventPackage, RuleFormat } from '../../../modules/presence/api';
import presenceDialoginfo from '../../../modules/presence_dialoginfo';
import { published } from '../presence_xml/pidf';
import { alice, dialog, dialogInfo, fixture, lamp } from './dialogs';

async function setUp(forceSingleDialog = false, forceActive = true) {
  const provided = new Map<string, unknown>();
  const provide: ModuleContext['provide'] = (point, key, item) => provided.set(`${point.name} ${key}`, item);
  const values = { forceActive, forceSingleDialog, defaultExpires: 3600 };
  const instance = await presenceDialoginfo.setup({ provide } as ModuleContext, values, undefined);
  const events = provided.get('presence.event_packages dialog') as EventPackage;
  return { instance, values, events, rules: provided.get('presence.rule_formats dialog') as RuleFormat, provided };
}

test('it offers event package dialog as RFC 4235 wants it, and nothing else', async () => {
  const { events, provided } = await setUp();
  assert.deepEqual([...provided.keys()], ['presence.event_packages dialog', 'presence.rule_formats dialog']);
  assert.equal(events.name, 'dialog');
  assert.equal(events.subscribeStatus, 200);
  assert.equal(events.defaultExpires, 3600);
  assert.deepEqual(events.publishTypes, ['application/dialog-info+xml']);
  assert.deepEqual(events.notifyTypes, ['application/dialog-info+xml']);
  assert.equal(events.transform, undefined);
  assert.equal(events.sphere, undefined);
});

test('what it checked it composes', async () => {
  const { events } = await setUp();
  const publication = published(fixture('kamailio-confirmed'));
  assert.equal(events.check(publication.body, alice).ok, true);
  const document = events.compose(alice, [publication], 12);
  assert.equal(events.check(document, alice).ok, true);
  assert.match(document.toString(), / version="12" state="full" entity="sip:alice@example\.com">/);
});

test('changed parameters take effect without a new setup', async () => {
  const { instance, values, events } = await setUp();
  const two = [published(dialogInfo(dialog('a', 'confirmed') + dialog('b', 'early')))];
  assert.deepEqual(lamp(events.compose(alice, two, 1)), ['a=confirmed', 'b=early']);
  instance.configure?.({ ...values, forceSingleDialog: true, defaultExpires: 600 });
  assert.deepEqual(lamp(events.compose(alice, two, 2)), ['b=early']);
  assert.equal(events.defaultExpires, 600);
});

test('pres-rules say who may see calls; who may sees all of them, whatever they grant', async () => {
  assert.equal((await setUp()).events.forceActive, true);
  const { events, rules } = await setUp(false, false);
  assert.equal(events.forceActive, false);
  const one = (id: string, handling: string) =>
    `<rule id="${id}"><conditions><identity><one id="sip:${id}@h"/></identity></conditions>` +
    `<actions><pr:sub-handling>${handling}</pr:sub-handling></actions><transformations/></rule>`;
  const compiled = rules.compile(
    Buffer.from(
      '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">' +
        `${one('a', 'allow')}${one('b', 'polite-block')}</ruleset>`,
    ),
  );
  assert.ok(compiled.ok);
  const see = (watcher: string) => compiled.rules.evaluate({ watcher, now: 0, sphere: undefined });
  const a = see('sip:a@h');
  assert.deepEqual(
    [a.handling, a.view.key, a.view.grantsNothing, a.grants],
    ['allow', 'everything', false, 'all calls'],
  );
  const b = see('sip:b@h');
  assert.deepEqual([b.handling, b.grants, see('sip:c@h').handling], ['polite-block', 'nothing', undefined]);
  assert.deepEqual(
    a.explanation.map(({ rule, matched }) => [rule, matched]),
    [
      ['a', true],
      ['b', false],
    ],
  );
  assert.equal(rules.compile(Buffer.from('<ruleset')).ok, false);
});
