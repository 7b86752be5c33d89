// Holds the check of a published dialog-info body: what is refused and why, what is let pass because clients send it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { readDialogInfo } from '../../../modules/presence_dialoginfo/document';
import { alice, dialog, dialogInfo, fixture, fixtureNames, namespace } from './dialogs';

const accepted = (body: string | Buffer) => {
  const info = readDialogInfo(Buffer.from(body));
  assert.ok(info.ok, info.ok ? '' : info.reason);
  return info;
};

const reasonFor = (body: string) => {
  const info = readDialogInfo(Buffer.from(body));
  assert.ok(!info.ok, `accepted: ${body.slice(0, 200)}`);
  return info.reason;
};

for (const name of fixtureNames) {
  test(`the body of fixture ${name} is accepted`, () => {
    accepted(fixture(name));
  });
}

const refused: [what: string, body: string, reason: RegExp][] = [
  ['an empty body', '', /not well-formed/],
  ['text that is no XML', 'busy', /not well-formed/],
  ['a body that ends early', dialogInfo(dialog('a', 'early')).slice(0, -3), /not well-formed/],
  ['another root element', `<dialog-list xmlns="${namespace}"/>`, /^root element is not dialog-info$/],
  [
    'a PIDF document',
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>',
    /^root element is not dialog-info$/,
  ],
  ['no namespace', '<dialog-info version="0" state="full" entity="x"/>', /not in namespace urn:ietf:params:xml:ns:dia/],
  ['another namespace', dialogInfo('').replace('dialog-info" ', 'reginfo" '), /not in namespace/],
  ['no entity', `<dialog-info xmlns="${namespace}" version="0" state="full"/>`, /^dialog-info without entity$/],
  ['a state of neither kind', dialogInfo('', 'half'), /^state of dialog-info is neither full nor partial$/],
  ['a version that is no number', dialogInfo('', 'full', '1.0'), /^version of dialog-info is no number$/],
  ['a negative version', dialogInfo('', 'full', '-1'), /^version of dialog-info is no number$/],
  ['a dialog without id', dialogInfo('<dialog><state>early</state></dialog>'), /^dialog without id$/],
  ['a dialog with a blank id', dialogInfo(dialog(' ', 'early')), /^dialog without id$/],
  ['a dialog without state', dialogInfo('<dialog id="a"/>'), /^dialog without state$/],
  ['a dialog with an empty state', dialogInfo(dialog('a', ' ')), /^dialog without state$/],
  [
    'a dialog with two states',
    dialogInfo('<dialog id="a"><state>early</state><state>confirmed</state></dialog>'),
    /^dialog with more than one state$/,
  ],
  ['an element in a state', dialogInfo(dialog('a', 'early<b/>')), /^state of a dialog holds an element$/],
  ['a DOCTYPE', `<!DOCTYPE d>${dialogInfo('').slice(22)}`, /^DOCTYPE not allowed$/],
  ['more elements than 1024', dialogInfo(dialog('a', 'early').repeat(600)), /^too many elements$/],
  ['elements nested deeper than 32', dialogInfo('<x>'.repeat(40)), /^elements nested too deep$/],
];

for (const [what, body, reason] of refused) {
  test(`${what} is refused with a reason in words`, () => {
    assert.match(reasonFor(body), reason);
    assert.match(reasonFor(body), /^[\x20-\x7e]{1,100}$/);
  });
}

test('bytes that are no UTF-8 are refused', () => {
  const info = readDialogInfo(Buffer.from(dialogInfo(dialog('caf\xe9', 'early')), 'latin1'));
  assert.deepEqual(info, { ok: false, reason: 'body is not UTF-8' });
});

test('declarations that would have to be repeated without end are refused', () => {
  const long = `urn:${'x'.repeat(1000)}`;
  const body = `<d:dialog-info xmlns:d="${namespace}" xmlns:x="${long}" entity="e">${'<x:a x:b=""/>'.repeat(100)}</d:dialog-info>`;
  assert.equal(reasonFor(body), 'namespace declarations too long');
});

test('a web phone that leaves out the version, and a draft of 2004 that has no state, are accepted', () => {
  accepted(`<dialog-info xmlns="${namespace}" state="partial" entity="${alice}"/>`);
  accepted(`<dialog-info xmlns="${namespace}" notify-state="full" entity="${alice}"/>`);
});

test('a version is a number of any length that Kamailio may write', () => {
  accepted(dialogInfo('', 'full', '00000000000'));
  accepted(dialogInfo('', 'full', ' 4294967296 '));
});

test('what a dialog says of itself is read without the blanks around it', () => {
  const [found] = accepted(
    dialogInfo('<dialog id=" a " call-id="c" remote-tag=" r"><state>\n Early </state></dialog>'),
  ).dialogs;
  assert.ok(found !== undefined);
  const { id, callId, localTag, remoteTag, state } = found;
  assert.deepEqual(
    { id, callId, localTag, remoteTag, state },
    { id: 'a', callId: 'c', localTag: '', remoteTag: 'r', state: 'early' },
  );
});

test('a state that RFC 4235 does not know stays as it is', () => {
  assert.equal(accepted(fixture('webphone-dnd')).dialogs[0]?.state, 'dnd');
  assert.match(accepted(dialogInfo(dialog('a', 'Held'))).dialogs[0]?.text ?? '', /<state>Held<\/state>/);
});

test('an element named dialog in another namespace is no dialog', () => {
  const info = accepted(dialogInfo('<x:dialog xmlns:x="urn:example:x"/>'));
  assert.deepEqual(info.dialogs, []);
  assert.deepEqual(info.extensions, ['<x:dialog xmlns:x="urn:example:x"/>']);
});

test('a body is read once', () => {
  const body = fixture('kamailio-early');
  assert.equal(readDialogInfo(body), readDialogInfo(body));
});
