// Tests which channels stay in memory: idle ones that say no more than what is stored go, and come back as they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Traffic } from '../../../../modules/presence/notify/traffic';
import { emptyResource, keyOfUri, type Resource, type Subscription } from '../../../../modules/presence/resource';
import { subscription } from '../records';

const small = 20;

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

/** One in so many for whom there is no room takes the place of another all the same. */
const rarely = 16;

/** Others are told something until what was idle before has gone. */
function crowdOut(traffic: Traffic): void {
  for (let i = 0; i < 4 * small * rarely; i++) sent(traffic, watched(`other${i}`), true);
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
  for (let i = 0; i < 4 * small * rarely; i++) {
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

test('where there is no room for all, most of those that are kept stay the same', () => {
  const traffic = new Traffic(undefined, small);
  const all = Array.from({ length: 200 }, (_, i) => watched(`u${i}`));
  const kept = () => all.map(({ resource, dialog }) => traffic.find(resource.key, dialog.id)).filter(Boolean);
  for (const each of all) sent(traffic, each, true);
  const before = new Set(kept());
  // More than there is room for, told once more.
  for (const each of all.slice(0, 2 * small)) {
    each.resource.fanouts++;
    sent(traffic, each, false);
  }
  const same = kept().filter((channel) => before.has(channel)).length;
  assert.ok(before.size > small / 4 && before.size <= small, `${before.size} were kept`);
  assert.ok(same > before.size / 2, `${same} of ${before.size} are the same`);
});

test('a crowd that would fill the room is not kept, and leaves it to others', () => {
  const traffic = new Traffic(undefined, small);
  const alice = watched('alice');
  sent(traffic, alice, true);
  const { resource } = watched('crowd');
  const dialogs = Array.from({ length: 5 * small }, (_, n) => subscription({ callId: `crowd-${n}`, localCseq: 1 }));
  const flying = dialogs.map((dialog) => {
    const channel = traffic.channelOf(resource, dialog, true);
    traffic.hold(channel);
    channel.state = 'flying';
    channel.cseq++;
    return channel;
  });
  assert.equal(traffic.of(resource.key).length, dialogs.length);
  for (const channel of flying) {
    channel.state = 'idle';
    traffic.release(channel);
  }
  assert.equal(traffic.at(resource.key), undefined);
  alice.resource.fanouts++;
  sent(traffic, alice, false);
  assert.ok(traffic.find(alice.resource.key, alice.dialog.id));
});

test('of a resource without room of which nobody was told anything, nothing is left', () => {
  const traffic = new Traffic(undefined, small);
  for (let i = 0; i < small; i++) sent(traffic, watched(`other${i}`), true);
  const { resource } = watched('alice');
  traffic.lineOf(resource);
  traffic.rest(resource.key);
  assert.equal(traffic.at(resource.key), undefined);
});

test('what those see who see a part is kept where there is no room for others, and in place of others', () => {
  const traffic = new Traffic(undefined, small);
  for (let i = 0; i < small; i++) sent(traffic, watched(`other${i}`), true);
  const alice = watched('alice');
  alice.resource.partialViews = 1;
  sent(traffic, alice, true);
  assert.ok(traffic.find(alice.resource.key, alice.dialog.id));
  const all = Array.from({ length: 4 * small }, (_, i) => watched(`more${i}`));
  for (const each of all) {
    each.resource.partialViews = 1;
    sent(traffic, each, true);
  }
  const kept = all.filter(({ resource }) => traffic.at(resource.key)).length;
  assert.ok(kept > 0 && kept <= small, `${kept} of ${all.length}`);
});

test('what is handed to the next life of the module is everything, used lately or not', () => {
  const traffic = new Traffic(undefined, 2 * small);
  for (let i = 0; i < small; i++) sent(traffic, watched(`other${i}`), true);
  const next = new Traffic(traffic.handOver(), 2 * small);
  for (let i = 0; i < small; i++) {
    const { resource, dialog } = watched(`other${i}`);
    assert.equal(next.find(resource.key, dialog.id)?.cseq, 1);
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
