// Tests which channels stay in memory: idle ones that say no more than what is stored go, and come back as they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Traffic } from '../../../../modules/presence/notify/traffic';
import { emptyResource, keyOfUri, type Resource, type Subscription } from '../../../../modules/presence/resource';
import { subscription } from '../records';

const small = 4;

function watched(name: string, more: Partial<Subscription> = {}): { resource: Resource; dialog: Subscription } {
  const resource = emptyResource(keyOfUri(`sip:${name}@example.com`, 'presence'));
  const dialog = subscription({ callId: `call-${name}`, localCseq: 1, ...more });
  resource.subscriptions.set(dialog.id, dialog);
  return { resource, dialog };
}

/** A NOTIFY for the dialog's own event, sent and answered; the number it used. */
function sent(traffic: Traffic, { resource, dialog }: ReturnType<typeof watched>, first: boolean): number {
  const channel = traffic.channelOf(resource, dialog, first);
  traffic.hold(channel);
  channel.state = 'flying';
  channel.cseq++;
  channel.state = 'idle';
  traffic.release(channel);
  return channel.cseq;
}

/** Others are told something until what was idle before has gone. */
function crowdOut(traffic: Traffic): void {
  for (let i = 0; i < 3 * small; i++) sent(traffic, watched(`other${i}`), true);
}

test('an idle channel goes when others need the room, and its dialog goes on with the next number', () => {
  const traffic = new Traffic(undefined, small);
  const alice = watched('alice');
  assert.equal(sent(traffic, alice, true), 1);
  crowdOut(traffic);
  assert.equal(traffic.find(alice.resource.key, alice.dialog.id), undefined);
  alice.resource.fanouts++;
  assert.equal(sent(traffic, alice, false), 2);
});

test('a channel that is used now and then stays', () => {
  const traffic = new Traffic(undefined, small);
  const alice = watched('alice');
  sent(traffic, alice, true);
  const channel = traffic.find(alice.resource.key, alice.dialog.id);
  for (let i = 0; i < 3 * small; i++) {
    sent(traffic, watched(`other${i}`), true);
    alice.resource.fanouts++;
    sent(traffic, alice, false);
  }
  assert.equal(traffic.find(alice.resource.key, alice.dialog.id), channel);
});

test('a channel stays while a NOTIFY is under way, while it fails, for watcherinfo, and when it has left numbers out', () => {
  const traffic = new Traffic(undefined, small);
  const flying = watched('flying');
  const failing = watched('failing');
  const winfo = watched('winfo', { winfo: true });
  const behind = watched('behind');
  for (const each of [failing, winfo, behind]) sent(traffic, each, true);
  const channel = traffic.channelOf(flying.resource, flying.dialog, true);
  traffic.hold(channel);
  channel.state = 'flying';
  const failed = traffic.find(failing.resource.key, failing.dialog.id);
  assert.ok(failed);
  failed.failures = 1;
  // Two changes became one NOTIFY: to go on at the ceiling would leave a gap.
  behind.resource.fanouts += 2;
  sent(traffic, behind, false);
  crowdOut(traffic);
  for (const { resource, dialog } of [flying, failing, winfo, behind])
    assert.ok(traffic.find(resource.key, dialog.id), dialog.callId);
  behind.resource.fanouts++;
  assert.equal(sent(traffic, behind, false), 3);
});

test('what is handed to the next life of the module is everything, used lately or not', () => {
  const traffic = new Traffic(undefined, small);
  for (let i = 0; i < 2 * small; i++) sent(traffic, watched(`other${i}`), true);
  const next = new Traffic(traffic.handOver(), small);
  for (let i = 0; i < 2 * small; i++) {
    const { resource, dialog } = watched(`other${i}`);
    assert.equal(next.find(resource.key, dialog.id)?.cseq, traffic.find(resource.key, dialog.id)?.cseq);
  }
});

test('dialogs that join resources which are in memory already push out others, too', () => {
  const traffic = new Traffic(undefined, small);
  const resources = Array.from({ length: 20 }, (_, n) => watched(`u${n}`).resource);
  const dialogs = 10;
  for (let n = 0; n < dialogs; n++) {
    for (const [i, resource] of resources.entries()) {
      const dialog = subscription({ callId: `call-${i}-${n}`, localCseq: 1 });
      resource.subscriptions.set(dialog.id, dialog);
      sent(traffic, { resource, dialog }, true);
    }
  }
  const kept = resources.reduce((sum, { key }) => sum + traffic.of(key).length, 0);
  assert.ok(kept < (resources.length * dialogs) / 4, `${kept} of ${resources.length * dialogs}`);
});
