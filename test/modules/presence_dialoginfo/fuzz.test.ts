// Holds check and composition against what nobody thought of: random publications and a plain model, broken and hostile bytes.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { composeDialogInfo } from '../../../modules/presence_dialoginfo/compose';
import { readDialogInfo } from '../../../modules/presence_dialoginfo/document';
import { broken } from '../../support/broken';
import { published } from '../presence_xml/pidf';
import { alice, compose, dialog, dialogInfo, fixture, fixtureNames, lamp, namespace, see } from './dialogs';

const seed = 20_051_104;

const states = ['early', 'confirmed', 'proceeding', 'trying', 'terminated', 'dnd'];
const maybe = (...values: string[]) => fc.option(fc.constantFrom(...values), { nil: undefined });
const entry = fc.record({
  id: fc.constantFrom('a', 'b', 'a-2', '__proto__'),
  state: fc.constantFrom(...states),
  callId: fc.constantFrom('c1', 'c2'),
  local: maybe('l1', 'l2'),
  remote: maybe('r1'),
});
type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;
const publications = fc.array(fc.array(entry, { maxLength: 3 }), { maxLength: 5 });

const bodyOf = (entries: readonly Entry[]) =>
  dialogInfo(
    entries
      .map(({ id, state, callId, local, remote }) =>
        dialog(id, state, {
          callId,
          ...(local === undefined ? {} : { local }),
          ...(remote === undefined ? {} : { remote }),
        }),
      )
      .join(''),
  );

/** What of each id and Call-ID has to be seen, written plainly: two loops instead of maps. */
function expected(newestFirst: readonly Entry[]): Entry[] {
  const kept: Entry[] = [];
  for (const older of newestFirst) {
    const at = kept.findIndex((other) => other.id === older.id && other.callId === older.callId);
    const newer = kept[at];
    if (newer === undefined) {
      kept.push(older);
      continue;
    }
    const ended = [older, newer].map(({ state }) => state === 'terminated');
    const differ = (one?: string, other?: string) => one !== undefined && other !== undefined && one !== other;
    const otherLeg = differ(older.local, newer.local) || differ(older.remote, newer.remote);
    const stands = ended[0] !== ended[1] && ended[0] === !otherLeg;
    if (stands) kept[at] = older;
  }
  return kept;
}

test('random publications compose into the dialogs that a plain model keeps, with unique ids', () => {
  fc.assert(
    fc.property(publications, (list) => {
      const document = compose(list.map(bodyOf));
      const { dialogs } = see(document);
      assert.deepEqual(
        dialogs.map(({ callId, state }) => ({ callId, state })),
        expected(list.toReversed().flat()).map(({ callId, state }) => ({ callId, state })),
        document,
      );
      assert.equal(new Set(dialogs.map(({ id }) => id)).size, dialogs.length, document);
      assert.equal(readDialogInfo(Buffer.from(document)).ok, true);
    }),
    { seed, numRuns: 2000 },
  );
});

test('with force_single_dialog there is one dialog when there is any, and none matters more', () => {
  fc.assert(
    fc.property(publications, (list) => {
      const bodies = list.map(bodyOf);
      const all = see(compose(bodies)).dialogs.map(({ state }) => states.indexOf(state));
      const single = see(compose(bodies, true)).dialogs.map(({ state }) => states.indexOf(state));
      assert.deepEqual(single, all.length === 0 ? [] : [Math.min(...all)]);
    }),
    { seed, numRuns: 500 },
  );
});

test('broken bytes are refused with a reason or composed, and never throw', () => {
  fc.assert(
    fc.property(broken(fixtureNames.map(fixture)), (body) => {
      const info = readDialogInfo(body);
      if (!info.ok) assert.match(info.reason, /^[\x20-\x7e]{1,100}$/);
      const composed = compose([fixture('sofia-trying'), body]);
      assert.equal(readDialogInfo(Buffer.from(composed)).ok, true, composed);
      if (!info.ok) assert.deepEqual(lamp(composed), ['as7d900as8=trying']);
    }),
    { seed, numRuns: 3000 },
  );
});

test('a hostile body of 60 kB makes no longer a document than its size allows', () => {
  const size = 60_000;
  const head = `<dialog-info xmlns="${namespace}" entity="x">`;
  const foot = '</dialog-info>';
  const fill = (unit: string, before = head, after = foot) =>
    before + unit.repeat(Math.floor(size / unit.length)) + after;
  const hostile = [
    fill(dialog('a', 'early')),
    fill('<a>'),
    fill('<a/>'),
    fill(' a', `${head}<b`, `/>${foot}`),
    fill('&amp;', `${head}<dialog id="a"><state>`, `</state></dialog>${foot}`),
    fill('"', `${head}<dialog id='`, `'><state>early</state></dialog>${foot}`),
    fill('\r', `${head}<dialog id="a"><state>`, `x</state></dialog>${foot}`),
    fill('<![CDATA['),
    fill('<!DOCTYPE a [<!ENTITY a "&a;">', ''),
    fill('a', '<'),
    `${head.replace('entity', `xmlns:x="urn:${'x'.repeat(300)}" entity`)}${'<x:a x:b=""/>'.repeat(1000)}${foot}`,
  ];
  for (const text of hostile) {
    const body = Buffer.from(text);
    const { length } = composeDialogInfo(alice, [published(body)], 1, false);
    assert.ok(length <= 6 * body.length + 500, `${length}: ${text.slice(0, 60)}`);
  }
});

test('thousands of dialogs of one id take work in proportion', () => {
  const perBody = 250;
  const bodies = Array.from({ length: 64 }, (_, publication) =>
    dialogInfo(
      Array.from({ length: perBody }, (__, at) => dialog('1', 'early', { callId: `${publication}-${at}` })).join(''),
    ),
  );
  const ids = see(compose(bodies)).dialogs.map(({ id }) => id);
  assert.equal(ids.length, 64 * perBody);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(lamp(compose(bodies, true)), ['1=early']);
});
