// Holds the outbox: whose turn it is, and how many of a crowd's NOTIFYs wait for their answers at a time.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as breath } from 'node:timers/promises';
import { TimerWheel } from '../../../../core/base/wheel';
import { Outbox } from '../../../../modules/presence/notify/outbox';
import {
  leastPlaces,
  nextPlaces,
  noPlace,
  type Place,
  Places,
  patienceMs,
} from '../../../../modules/presence/notify/places';
import { ManualClock } from '../../../support/clock';

const size = 6000;

interface Sent {
  readonly item: string;
  readonly owner: string;
  readonly place: Place;
}

/** An outbox in time that stands still; items of the crowd of `size` are answered when a test says so. */
function outboxOf({ onSent = () => {}, idle = () => 0 }: { onSent?: (sent: Sent) => void; idle?: () => number } = {}) {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  clock.onTick(() => wheel.advance());
  const sent: Sent[] = [];
  const send = (item: string, place: Place) => {
    const each = { item, owner: item.replace(/\d+$/, ''), place };
    sent.push(each);
    onSent(each);
  };
  const outbox = new Outbox<string, string>({ wheel, idle: () => idle(), send });
  const crowd = () => {
    for (let n = 0; n < size; n++) outbox.add('crowd', `crowd${n}`);
  };
  return { clock, outbox, sent, crowd };
}

/** Lets the outbox hand out what it would without anybody's help. */
async function rest(): Promise<void> {
  for (let n = 0; n < 40; n++) await breath();
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);

test('each owner has its turn: one NOTIFY is not held up by a crowd', async () => {
  const { outbox, sent, crowd } = outboxOf({ onSent: ({ owner, place }) => outbox.giveBack(owner, place) });
  crowd();
  outbox.add('single', 'single');
  let breaths = 0;
  for (; !outbox.empty; breaths++) await breath();
  assert.equal(sent.length, size + 1);
  const at = sent.findIndex(({ item }) => item === 'single');
  assert.ok(at <= 16, `sent as number ${at}`);
  assert.ok(breaths >= size / 64, 'the event loop was let breathe');
  assert.deepEqual(
    sent.filter(({ owner }) => owner === 'crowd').map(({ item }) => item),
    numbered('crowd', size),
  );
});

test('what is added while a line is handed out goes to its end, however long it gets', async () => {
  let next = 2;
  const { outbox, sent } = outboxOf({
    onSent: ({ owner, place }) => {
      for (let n = 0; n < 2 && next < size; n++) outbox.add('owner', `owner${next++}`);
      outbox.giveBack(owner, place);
    },
  });
  outbox.add('owner', 'owner0');
  outbox.add('owner', 'owner1');
  while (!outbox.empty) await breath();
  assert.deepEqual(
    sent.map(({ item }) => item),
    numbered('owner', size),
  );
});

test('a crowd that does not answer has its share of NOTIFYs under way and no more; everybody else goes on', async () => {
  const { outbox, sent, crowd } = outboxOf();
  crowd();
  await rest();
  assert.equal(sent.length, leastPlaces);
  for (let n = 0; n < 100; n++) outbox.add(`other${n}.`, `other${n}.0`);
  await rest();
  assert.equal(sent.length, leastPlaces + 100);
  assert.equal(outbox.size, size - leastPlaces);
});

test('each answer lets one more of the crowd leave, in their order', async () => {
  const { outbox, sent, crowd } = outboxOf();
  crowd();
  await rest();
  for (const { place } of sent.slice(0, 20)) outbox.giveBack('crowd', place);
  await rest();
  assert.deepEqual(
    sent.map(({ item }) => item),
    numbered('crowd', leastPlaces + 20),
  );
  for (let answered = 20; answered < sent.length; answered++) {
    outbox.giveBack('crowd', sent[answered]?.place ?? noPlace);
    if (answered % 50 === 0) await breath();
    if (answered === sent.length - 1) await rest();
  }
  assert.equal(sent.length, size);
});

test('watchers that never answer hold up the rest for some milliseconds at a time', async () => {
  const { clock, sent, crowd } = outboxOf();
  crowd();
  for (let round = 1; round <= 5; round++) {
    await rest();
    assert.equal(sent.length, round * leastPlaces);
    clock.advance(2 * patienceMs);
  }
});

test('a crowd has more places while the event loop has time to spare, and few again when it has none', async () => {
  let spare = 0;
  const { clock, sent, crowd } = outboxOf({ idle: () => spare });
  crowd();
  const sentIn = async (idle: number) => {
    await rest();
    const before = sent.length;
    for (let n = 0; n < 10; n++) {
      spare += idle;
      clock.advance(10);
      await rest();
    }
    return sent.length - before;
  };
  const busy = await sentIn(0);
  const idle = await sentIn(9);
  assert.ok(idle > busy, `${idle} and ${busy}`);
  await sentIn(0);
  assert.equal(await sentIn(0), busy);
});

test('how many places there are rises step by step, falls by half, and stays within bounds', () => {
  let places = leastPlaces;
  for (const [idle, least, most] of [
    [0, leastPlaces, leastPlaces],
    [1, 1024, 1024],
    [0.5, 1024, 1024],
    [0.1, leastPlaces, leastPlaces],
  ] as const) {
    for (let n = 0; n < 50; n++) places = nextPlaces(places, idle);
    assert.ok(places >= least && places <= most, `${places} at ${idle}`);
  }
  assert.equal(nextPlaces(1000, 0), 500);
  assert.ok(nextPlaces(leastPlaces, 1) <= leastPlaces + 64);
});

test('an answer that comes when its place is free already frees no other', async () => {
  const { clock, outbox, sent, crowd } = outboxOf();
  crowd();
  await rest();
  clock.advance(2 * patienceMs);
  await rest();
  for (const { place } of sent.slice(0, leastPlaces)) outbox.giveBack('crowd', place);
  await rest();
  assert.equal(sent.length, 2 * leastPlaces);
});

test('what is held of a fan-out counts in the next one', async () => {
  const { outbox, sent } = outboxOf();
  for (let n = 0; n < 200; n++) outbox.add('crowd', `crowd${n}`);
  await rest();
  for (let answered = 0; !outbox.empty; answered++) {
    outbox.giveBack('crowd', sent[answered]?.place ?? noPlace);
    await breath();
    await breath();
  }
  for (let n = 200; n < 300; n++) outbox.add('crowd', `crowd${n}`);
  await rest();
  assert.equal(sent.length, 200);
});

test('what is cleared is neither handed out nor missed', async () => {
  const { clock, outbox, sent, crowd } = outboxOf();
  crowd();
  await rest();
  outbox.clear();
  assert.ok(outbox.empty);
  for (const { place } of sent.splice(0)) outbox.giveBack('crowd', place);
  clock.advance(patienceMs);
  await rest();
  assert.equal(sent.length, 0);
  crowd();
  await rest();
  assert.equal(sent.length, leastPlaces);
});

test('a place is free after its time whatever the moment at which it was taken', () => {
  for (let began = 0; began < 60; began++) {
    const places = new Places();
    places.take(began);
    assert.equal(places.held(began + (patienceMs * 3) / 4 - 1), 1, `taken at ${began}`);
    assert.equal(places.held(began + patienceMs), 0, `taken at ${began}`);
  }
});

test('places are counted through times in which nothing happens', () => {
  const places = new Places();
  const first = places.take(10);
  const second = places.take(1_000_000);
  places.giveBack(first, 1_000_000);
  assert.equal(places.held(1_000_000), 1);
  places.take(1_000_001);
  places.giveBack(second, 1_000_001);
  assert.equal(places.held(1_000_001), 1);
  assert.equal(places.held(2_000_000), 0);
});
