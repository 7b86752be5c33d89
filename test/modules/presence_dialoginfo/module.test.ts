// Holds what presence_dialoginfo offers to presence, and its parameters to what they do.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { ModuleContext } from '../../../core/api';
import type { EventPackage } from '../../../modules/presence/api';
import presenceDialoginfo from '../../../modules/presence_dialoginfo';
import { published } from '../presence_xml/pidf';
import { alice, dialog, dialogInfo, fixture, lamp } from './dialogs';

async function setUp(forceSingleDialog = false) {
  const provided = new Map<string, unknown>();
  const provide: ModuleContext['provide'] = (point, key, item) => provided.set(`${point.name} ${key}`, item);
  const values = { forceSingleDialog, defaultExpires: 3600 };
  const instance = await presenceDialoginfo.setup({ provide } as ModuleContext, values, undefined);
  return { instance, values, events: provided.get('presence.event_packages dialog') as EventPackage, provided };
}

test('it offers event package dialog as RFC 4235 wants it, and nothing else', async () => {
  const { events, provided } = await setUp();
  assert.deepEqual([...provided.keys()], ['presence.event_packages dialog']);
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
  assert.equal(events.check(publication.body).ok, true);
  const document = events.compose(alice, [publication], 12);
  assert.equal(events.check(document).ok, true);
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
