// Holds what presence_xml offers to presence, and its parameters to its manual.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ModuleContext } from '../../../core/api';
import type { EventPackage, RuleFormat, WatcherinfoFormat } from '../../../modules/presence/api';
import presenceXml from '../../../modules/presence_xml';
import { params } from '../../../modules/presence_xml/params';
import { source } from '../../support/tree';
import { alice, fixture, published } from './pidf';

async function setUp(defaultExpires = 3600) {
  const provided = new Map<string, unknown>();
  const provide: ModuleContext['provide'] = (point, key, item) => provided.set(`${point.name} ${key}`, item);
  const instance = await presenceXml.setup({ provide } as ModuleContext, { defaultExpires }, undefined);
  return {
    instance,
    presence: provided.get('presence.event_packages presence') as EventPackage,
    rules: provided.get('presence.rule_formats presence') as RuleFormat,
    winfo: provided.get('presence.watcherinfo_formats application/watcherinfo+xml') as WatcherinfoFormat,
  };
}

test('it offers event package presence as the seed and RFC 3856 want it', async () => {
  const { presence } = await setUp();
  assert.equal(presence.name, 'presence');
  assert.equal(presence.subscribeStatus, 202);
  assert.equal(presence.defaultExpires, 3600);
  assert.deepEqual(presence.publishTypes, ['application/pidf+xml']);
  assert.deepEqual(presence.notifyTypes, ['application/pidf+xml']);
});

test('what it checked it composes', async () => {
  const { presence } = await setUp();
  const publication = published(fixture('presload'));
  assert.deepEqual(presence.check(publication.body, alice), { ok: true, asIs: true });
  assert.equal(presence.compose(alice, [publication], 1), publication.body);
  assert.equal(presence.check(presence.compose(alice, [], 1), alice).ok, true);
  assert.deepEqual(presence.check(Buffer.from('<presence/>'), alice), {
    ok: false,
    reason: 'presence is not in namespace urn:ietf:params:xml:ns:pidf',
  });
});

test('what the check said of a body is what composition does, and it is said anew of a body it did not see', async () => {
  const { presence } = await setUp();
  for (const [name, presentity, asIs] of [
    ['presload', alice, true],
    ['presload', 'sip:bob@example.com', false],
    ['baresip-open', alice, false],
  ] as const) {
    const publication = published(fixture(name));
    const verdict = presence.check(publication.body, presentity);
    assert.deepEqual(verdict, { ok: true, asIs });
    const stored = presence.compose(presentity, [publication], 1);
    const checked = presence.compose(presentity, [{ ...publication, asIs }], 1);
    assert.equal(stored === publication.body, asIs);
    assert.equal(checked === publication.body, asIs);
    assert.deepEqual(stored, checked);
  }
});

test('it offers the rules of presence, and documents as they let them be seen', async () => {
  const { presence, rules } = await setUp();
  assert.equal(rules.docType, 2);
  const ruleset = '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"/>';
  const compiled = rules.compile(Buffer.from(ruleset));
  if (!compiled.ok) assert.fail(compiled.reason);
  const { handling, view } = compiled.rules.evaluate({ watcher: alice, now: 0, sphere: undefined });
  assert.equal(handling, undefined);
  const publications = [published(fixture('rich'))];
  const document = presence.compose(alice, publications, 1);
  assert.deepEqual(presence.transform?.(alice, document, view), presence.compose(alice, [], 1));
  assert.equal(presence.sphere?.(publications), 'work');
  assert.equal(rules.compile(Buffer.from('<ruleset/>')).ok, false);
});

test('it offers the watcherinfo format', async () => {
  const { winfo } = await setUp();
  assert.equal(winfo.suffix, 'winfo');
  assert.equal(winfo.type, 'application/watcherinfo+xml');
  const document = { resource: alice, package: 'presence', version: 0, state: 'full', watchers: [] } as const;
  assert.match(winfo.render(document).toString(), /<watcherinfo /);
});

test('a changed default_expires takes effect without a new setup', async () => {
  const { instance, presence } = await setUp(1800);
  assert.equal(presence.defaultExpires, 1800);
  instance.configure?.({ defaultExpires: 600 });
  assert.equal(presence.defaultExpires, 600);
});

test('the manual has every parameter with its default', () => {
  const manual = source('modules/presence_xml/README.md');
  for (const [name, { default: value }] of Object.entries(params))
    assert.match(manual, new RegExp(`\`${name}\` .*${value}`));
});
