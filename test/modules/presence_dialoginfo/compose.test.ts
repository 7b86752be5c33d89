// Holds composition: what watchers get out of all that is published, and that no ended call hides one that goes on.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { composeDialogInfo } from '../../../modules/presence_dialoginfo/compose';
import { published, read } from '../presence_xml/pidf';
import { alice, compose, dialog, dialogInfo, fixture, fixtureNames, lamp, namespace, see } from './dialogs';

describe('the document', () => {
  test('is full, has the revision as its version and the presentity as its entity', () => {
    for (const name of fixtureNames) {
      const { version, state, entity } = see(compose([fixture(name)], false, 4711));
      assert.deepEqual({ version, state, entity }, { version: '4711', state: 'full', entity: alice }, name);
    }
  });

  test('is an empty full document when nothing is published', () => {
    assert.equal(
      compose([], false, 0),
      `<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info xmlns="${namespace}" version="0" state="full" entity="${alice}">\n</dialog-info>\n`,
    );
  });

  test('of an idle phone has no dialog', () => {
    assert.deepEqual(lamp(compose([fixture('grandstream-idle')])), []);
  });

  test('keeps all that a dialog holds, whatever way it was written', () => {
    for (const name of fixtureNames.filter((other) => other !== 'polycom-held')) {
      assert.deepEqual(read(compose([fixture(name)])).items, read(fixture(name)).items, name);
    }
  });

  test('writes a known state as the RFC has it, because phones compare text', () => {
    const document = compose([fixture('polycom-held')]);
    assert.match(document, /<state>confirmed<\/state><duration>274<\/duration>/);
    assert.deepEqual(
      read(document).items,
      read(fixture('polycom-held').toString().replace('Confirmed', 'confirmed')).items,
    );
  });

  test('has no prefixes on its own elements and no layout inside a dialog', () => {
    assert.equal(
      compose([fixture('rfc4235-replaces')]).split('\n')[2],
      '<dialog id="zxcvbnm3" xmlns:d="urn:ietf:params:xml:ns:dialog-info" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="hh76a" direction="initiator">' +
        '<state event="replaced" code="200">confirmed</state><duration>25</duration>' +
        '<replaces call-id="hg287s98s89" local-tag="6762h7" remote-tag="09278hsb"/>' +
        '<referred-by display="Bob">sip:bob@example.com</referred-by>' +
        '<remote><identity>sip:carol@example.com</identity>' +
        '<target uri="sip:carol@192.0.2.9"><param pname="methods" pval="INVITE&#10;ACK"/></target></remote>' +
        '<x:note xmlns:x="urn:example:note" x:kind="d:early">moved</x:note></dialog>',
    );
  });

  test('escapes a presentity that is no plain URI', () => {
    const document = composeDialogInfo('sip:a&"<b@example.com', [], 1, false);
    assert.equal(see(document).entity, 'sip:a&"<b@example.com');
  });

  test('is the same for the same publications', () => {
    const bodies = fixtureNames.map(fixture);
    assert.equal(compose(bodies), compose(bodies));
  });

  test('leaves out a stored body that would be refused today', () => {
    assert.deepEqual(
      lamp(compose([fixture('kamailio-early'), '<dialog-info/>'])),
      lamp(compose([fixture('kamailio-early')])),
    );
  });
});

describe('several publications', () => {
  test('stand side by side, the newest first, in each the order of its publisher', () => {
    const older = dialogInfo(dialog('a', 'early') + dialog('b', 'confirmed'));
    const newer = dialogInfo(dialog('c', 'trying') + dialog('d', 'terminated'));
    assert.deepEqual(lamp(compose([older, newer])), ['c=trying', 'd=terminated', 'a=early', 'b=confirmed']);
  });

  test('of all clients at once make one valid document with unique ids', () => {
    const document = compose(fixtureNames.map(fixture));
    const ids = see(document).dialogs.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(see(compose([document])).dialogs.length, ids.length);
  });

  test('keep their extensions beside the dialogs, behind them', () => {
    const page = '<x:page xmlns:x="urn:example:note">7</x:page>';
    assert.match(
      compose([fixture('rfc4235-replaces'), fixture('kamailio-early')]),
      new RegExp(`</dialog>\n${page}\n</dialog-info>`),
    );
  });

  test('of one dialog id leave the newest', () => {
    assert.deepEqual(lamp(compose([dialogInfo(dialog('a', 'early')), dialogInfo(dialog('a', 'confirmed'))])), [
      'a=confirmed',
    ]);
    assert.deepEqual(lamp(compose([fixture('yealink-partial'), fixture('yealink-terminated')])), ['74=terminated']);
  });

  test('a partial one is the whole state of its publication, not a change to another', () => {
    const full = dialogInfo(dialog('a', 'confirmed') + dialog('b', 'early'));
    const partial = dialogInfo(dialog('b', 'confirmed'), 'partial');
    assert.deepEqual(lamp(compose([full, partial])), ['b=confirmed', 'a=confirmed']);
    assert.deepEqual(lamp(compose([partial])), ['b=confirmed']);
  });
});

describe('an ended dialog', () => {
  test('is listed as long as it is published, and then no more', () => {
    assert.equal(lamp(compose([fixture('kamailio-terminated')])).length, 1);
    assert.deepEqual(lamp(compose([])), []);
  });

  test('ends what another publication said of it before', () => {
    const lamps = lamp(compose([fixture('kamailio-early'), fixture('kamailio-terminated')]));
    assert.deepEqual(lamps, ['2e7d9c1a-5b0f-4a6e-9c53-8a1b0c2d3e4f=terminated']);
  });

  test('stays ended when its "early" comes late, which had been sent before', () => {
    const lamps = lamp(compose([fixture('kamailio-terminated'), fixture('kamailio-early')]));
    assert.deepEqual(lamps, ['2e7d9c1a-5b0f-4a6e-9c53-8a1b0c2d3e4f=terminated']);
  });

  test('of an id without Call-ID does not speak for a later call: such ids are used again', () => {
    assert.deepEqual(lamp(compose([fixture('yealink-terminated'), fixture('yealink-partial')])), ['74=confirmed']);
  });

  test('does not hide a dialog of another id, in one publication or in two', () => {
    const both = dialogInfo(
      dialog('lost', 'terminated', { callId: 'c' }) + dialog('won', 'confirmed', { callId: 'c' }),
    );
    assert.deepEqual(lamp(compose([both])), ['lost=terminated', 'won=confirmed']);
    const won = dialogInfo(dialog('won', 'confirmed', { callId: 'c' }));
    const lost = dialogInfo(dialog('lost', 'terminated', { callId: 'c' }));
    assert.deepEqual(lamp(compose([won, lost])), ['lost=terminated', 'won=confirmed']);
  });

  test('of a leg that lost does not end the leg that was answered, though they share id and Call-ID', () => {
    const leg = (state: string, local: string) => dialogInfo(dialog('c1', state, { callId: 'c1', local, remote: 'r' }));
    const won = leg('confirmed', 'phone-1');
    const lost = leg('terminated', 'phone-2');
    assert.deepEqual(lamp(compose([won, lost])), ['c1=confirmed']);
    assert.deepEqual(lamp(compose([lost, won])), ['c1=confirmed']);
    assert.deepEqual(lamp(compose([lost, won, leg('terminated', 'phone-1')])), ['c1=terminated']);
  });

  test('beside a second dialog that ends later goes as that one goes', () => {
    const transfer = fixture('asterisk-transfer');
    assert.deepEqual(lamp(compose([transfer])), ['B1-7c3f=terminated', 'B2-7c40=confirmed']);
    const end = dialogInfo(dialog('B2-7c40', 'terminated', { callId: '118c2ee14f1d1d3b@192.0.2.20:5060' }));
    assert.deepEqual(lamp(compose([transfer, end])), ['B2-7c40=terminated', 'B1-7c3f=terminated']);
  });
});

describe('one id of two devices', () => {
  const one = dialogInfo(dialog('1', 'confirmed', { callId: 'a@phone-1' }));
  const two = dialogInfo(dialog('1', 'terminated', { callId: 'b@phone-2' }));

  test('names two dialogs when their Call-IDs differ; the older is given another id', () => {
    assert.deepEqual(lamp(compose([one, two])), ['1=terminated', '1-2=confirmed']);
    assert.deepEqual(lamp(compose([two, one])), ['1=confirmed', '1-2=terminated']);
  });

  test('is made into one that nobody has', () => {
    const taken = dialogInfo(dialog('1-2', 'early'));
    assert.deepEqual(lamp(compose([taken, one, two])), ['1=terminated', '1-3=confirmed', '1-2=early']);
  });

  test('is escaped when it is written anew', () => {
    const odd = (callId: string) => dialogInfo(dialog('&quot;&lt;&amp;', 'early', { callId }));
    assert.deepEqual(lamp(compose([odd('a'), odd('b')])), ['"<&=early', '"<&-2=early']);
  });
});

describe('force_single_dialog', () => {
  const all = ['terminated', 'trying', 'proceeding', 'confirmed', 'early'];

  test('leaves the dialog that matters most: early, confirmed, proceeding, trying, terminated', () => {
    for (let most = 0; most < all.length; most++) {
      const bodies = all.slice(0, most + 1).map((state) => dialogInfo(dialog(state, state)));
      for (const order of [bodies, bodies.toReversed()]) {
        assert.deepEqual(lamp(compose(order, true)), [`${all[most]}=${all[most]}`]);
      }
    }
  });

  test('chooses inside one publication too', () => {
    assert.deepEqual(lamp(compose([fixture('asterisk-transfer')], true)), ['B2-7c40=confirmed']);
  });

  test('leaves the newest of equal ones', () => {
    const bodies = ['a', 'b'].map((id) => dialogInfo(dialog(id, 'confirmed')));
    assert.deepEqual(lamp(compose(bodies, true)), ['b=confirmed']);
  });

  test('leaves a state that the RFC does not know only when there is nothing else', () => {
    assert.deepEqual(lamp(compose([fixture('webphone-dnd')], true)), ['k2j9s8d7f6=dnd']);
    const ended = dialogInfo(dialog('a', 'terminated'));
    assert.deepEqual(lamp(compose([ended, fixture('webphone-dnd')], true)), ['a=terminated']);
  });

  test('does not choose what has ended: a late "early" of an ended call', () => {
    const running = dialogInfo(dialog('b', 'confirmed', { callId: 'x' }));
    const bodies = [running, fixture('kamailio-terminated'), fixture('kamailio-early')];
    assert.deepEqual(lamp(compose(bodies, true)), ['b=confirmed']);
  });

  test('keeps the id that the publisher gave, though an older dialog has it too', () => {
    const bodies = ['a', 'b'].map((callId) => dialogInfo(dialog('1', 'confirmed', { callId })));
    assert.deepEqual(see(compose(bodies, true)).dialogs, [{ id: '1', callId: 'b', state: 'confirmed' }]);
  });

  test('leaves an empty document empty', () => {
    assert.deepEqual(lamp(compose([], true)), []);
  });
});

test('a publication that is asked for again is not read again', () => {
  const publication = published(fixture('kamailio-early'));
  const first = composeDialogInfo(alice, [publication], 1, false).toString();
  publication.body.fill(0);
  assert.equal(composeDialogInfo(alice, [publication], 1, false).toString(), first);
});
