// Tests who is taken for the watcher, and what changes of rules do to running subscriptions, over real sockets.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newPresentity } from '../support/phone';
import { rule, ruledServer, ruleset } from '../support/ruled-server';
import { stateOf } from '../support/sip-ua';

const bob = '<one id="sip:bob@example.com"/>';

/** A service with an extension. */
function document(entity: string): string {
  return (
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:f="urn:foo" entity="${entity}">` +
    '<tuple id="t1"><status><basic>open</basic></status><f:x>foo-of-tuple</f:x></tuple></presence>'
  );
}

describe('watchers and changes of rules', () => {
  const here = ruledServer('sip:bob@example.com');

  const watch = async (presentity: string, watcher: string) => {
    // A telephone number is asserted by a proxy; a From of the sip package would not take it.
    const named = watcher.startsWith('tel:') ? { headers: { 'p-asserted-identity': watcher } } : { from: watcher };
    return (await here.ua.subscribe(presentity, named)).dialog;
  };

  test('the watcher is whom the script names, not the From', async () => {
    const presentity = newPresentity();
    here.ruled.write(presentity, ruleset(rule('a', 'allow', bob)));
    const asserted = (uri: string, from: string) =>
      here.ua.subscribe(presentity, { from, headers: { 'p-asserted-identity': uri } });
    const { dialog } = await asserted('sip:bob@EXAMPLE.com', 'sip:anonymous@anonymous.invalid');
    assert.equal((await dialog.next()).state, 'active');
    const proxied = await asserted('"Bob" <sip:bob@example.com>, <tel:+15551234>', 'sip:eve@example.com');
    assert.equal((await proxied.dialog.next()).state, 'active');
    const liar = (await asserted('<sip:eve@example.com>', 'sip:bob@example.com')).dialog;
    assert.equal(stateOf(await liar.next()), 'rejected');
    // Kamailio compares a domain with that of From, whoever was asserted.
    const domain = newPresentity();
    here.ruled.write(domain, ruleset(rule('a', 'allow', '<many domain="example.com"/>')));
    const named = (from: string, uri: string) =>
      here.ua.subscribe(domain, { from, headers: { 'p-asserted-identity': uri } });
    assert.equal((await (await named('sip:bob@elsewhere.com', 'sip:bob@example.com')).dialog.next()).state, 'active');
    const other = (await named('sip:bob@example.com', 'sip:bob@elsewhere.com')).dialog;
    assert.equal(stateOf(await other.next()), 'rejected');
  });

  test('a change of rules acts at once on running subscriptions: approved, shown less, ended, pending again', async () => {
    const presentity = newPresentity();
    const change = async (rules: string | undefined, event = 'refresh') => {
      here.ruled.write(presentity, rules === undefined ? undefined : ruleset(rules));
      assert.equal(await here.ruled.ask(here.ua, presentity, event), 200);
    };
    await here.ua.publish(presentity, { body: document(presentity) });
    const winfo = (await here.ua.subscribe(presentity, { event: 'presence.winfo', from: presentity })).dialog;
    await winfo.next();
    const dialog = await watch(presentity, 'sip:bob@example.com');
    assert.equal((await dialog.next()).state, 'pending');
    assert.match(
      (await winfo.next()).body,
      /event="subscribe"[^>]*status="pending"|status="pending"[^>]*event="subscribe"/,
    );
    await change(rule('a', 'allow', bob), 'update');
    assert.match((await dialog.next()).body, /foo-of-tuple/);
    assert.match((await winfo.next()).body, /approved/);
    await change(rule('a', 'allow', bob, '<pr:provide-services><pr:all-services/></pr:provide-services>'), 'update');
    const less = await dialog.next();
    assert.deepEqual([less.state, less.body.includes('open'), less.body.includes('foo')], ['active', true, false]);
    await change(rule('a', 'confirm', bob));
    assert.equal(stateOf(await dialog.next()), 'deactivated');
    assert.match((await winfo.until(({ body }) => body.includes('terminated'))).body, /deactivated/);
    const again = await watch(presentity, 'sip:bob@example.com');
    assert.equal((await again.next()).state, 'pending');
    await change(rule('a', 'block', bob));
    assert.equal(stateOf(await again.next()), 'rejected');
    assert.match((await winfo.until(({ body }) => body.includes('rejected'))).body, /terminated/);
  });

  test('the watchers of a presentity are nobody else’s business, unless the script says who asks', async () => {
    const presentity = newPresentity();
    const { response } = await here.ua.subscribe(presentity, { event: 'presence.winfo', from: 'sip:eve@example.com' });
    assert.equal(response.status, 403);
    const { dialog } = await here.ua.subscribe(presentity, {
      event: 'presence.winfo',
      from: 'sip:secretary@example.com',
      headers: { 'p-asserted-identity': `<${presentity}>` },
    });
    assert.equal((await dialog.next()).state, 'active');
  });
});
