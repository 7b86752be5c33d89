// Tests over real sockets what changes permissions with nobody asking: rules that begin and end, the sphere that is published.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newPresentity } from '../support/phone';
import { rule, ruledServer, ruleset } from '../support/ruled-server';
import { etagOf, type UaDialog } from '../support/sip-ua';
import { WatcherTable } from '../support/watcherinfo';

const bob = '<one id="sip:bob@example.com"/>';

function document(entity: string, sphere: string, note: string): string {
  return (
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${entity}">` +
    `<tuple id="t1"><status><basic>open</basic></status><note>${note}</note></tuple>` +
    `<dm:person id="p1">${sphere === '' ? '' : `<rpid:sphere>${sphere}</rpid:sphere>`}</dm:person></presence>`
  );
}

/** `validity` from some seconds from now until others; undefined: long ago, or in a long time. */
function validity(from: number | undefined, until: number | undefined): string {
  const at = (seconds: number | undefined, otherwise: string) =>
    seconds === undefined ? otherwise : new Date(Date.now() + seconds * 1000).toISOString();
  return `<validity><from>${at(from, '2020-01-01T00:00:00Z')}</from><until>${at(until, '2099-01-01T00:00:00Z')}</until></validity>`;
}

/** State, reason and note of the next NOTIFY. */
async function told(dialog: UaDialog): Promise<string> {
  const { state, stateParams, body } = await dialog.next();
  const reason = /reason=[\w;=-]+/.exec(stateParams)?.[0] ?? '';
  const seen = /<note>(\w+)</.exec(body)?.[1] ?? /<basic>(\w+)</.exec(body)?.[1] ?? '';
  return [state, reason, seen].filter((part) => part !== '').join(' ');
}

describe('permissions that change by themselves', { concurrency: true }, () => {
  const here = ruledServer('sip:bob@example.com');

  const watch = async (presentity: string) => (await here.ua.subscribe(presentity)).dialog;
  const winfo = async (presentity: string) =>
    (await here.ua.subscribe(presentity, { event: 'presence.winfo', from: presentity })).dialog;

  test('a rule that begins lets in who waits, in its second, and watcherinfo says approved', async () => {
    const presentity = newPresentity();
    const later = rule('later', 'allow', bob, undefined, validity(5, undefined));
    here.ruled.write(presentity, ruleset(rule('ask', 'confirm', '<many/>') + later));
    await here.ua.publish(presentity, { body: document(presentity, '', 'here') });
    const owner = await winfo(presentity);
    const table = new WatcherTable();
    table.take((await owner.next()).body);
    const dialog = await watch(presentity);
    assert.equal(await told(dialog), 'pending');
    assert.deepEqual(table.take((await owner.next()).body).told, ['sip:bob@example.com pending subscribe']);
    assert.equal(await told(dialog), 'active here');
    assert.deepEqual(table.take((await owner.next()).body).told, ['sip:bob@example.com active approved']);
  });

  test('a rule that ends takes back what it showed, then what it allowed, with nobody asking', async () => {
    const presentity = newPresentity();
    const some = '<pr:provide-services><pr:all-services/></pr:provide-services>';
    here.ruled.write(
      presentity,
      ruleset(
        rule('all', 'allow', bob, undefined, validity(undefined, 5)) +
          rule('some', 'allow', bob, some, validity(undefined, 7)) +
          rule('nothing', 'polite-block', bob, '', validity(undefined, 9)),
      ),
    );
    await here.ua.publish(presentity, { body: document(presentity, '', 'here') });
    const owner = await winfo(presentity);
    const table = new WatcherTable();
    table.take((await owner.next()).body);
    const dialog = await watch(presentity);
    const seen = [await told(dialog), await told(dialog), await told(dialog), await told(dialog)];
    assert.deepEqual(seen, ['active here', 'active open', 'active closed', 'terminated reason=probation']);
    assert.deepEqual(table.take((await owner.next()).body).told, ['sip:bob@example.com active subscribe']);
    assert.deepEqual(table.take((await owner.next()).body).told, ['sip:bob@example.com terminated probation']);
    assert.deepEqual(table.present, []);
  });

  test('another sphere is another set of rules: with the PUBLISH that brings it, and when that publication ends', async () => {
    const presentity = newPresentity();
    const inSphere = (sphere: string) => `<sphere value="${sphere}"/>`;
    here.ruled.write(
      presentity,
      ruleset(
        rule('at-work', 'allow', bob, undefined, inSphere('work')) +
          rule('at-home', 'polite-block', bob, undefined, inSphere('home')) +
          rule('else', 'confirm', bob),
      ),
    );
    const owner = await winfo(presentity);
    const table = new WatcherTable();
    table.take((await owner.next()).body);
    const dialog = await watch(presentity);
    assert.equal(await told(dialog), 'pending');
    const publish = async (sphere: string, etag?: string, expires = 600) => {
      const body = document(presentity, sphere, `at${sphere}`);
      const response = await here.ua.publish(presentity, { body, expires, ...(etag === undefined ? {} : { etag }) });
      assert.equal(response.status, 200);
      return etagOf(response);
    };
    const tag = await publish('home');
    assert.equal(await told(dialog), 'active closed');
    const second = await publish('work', tag);
    assert.equal(await told(dialog), 'active atwork');
    // The publication that named the sphere ends; what rules say then is that she has to be asked again.
    await publish('work', second, 1);
    assert.equal(await told(dialog), 'active atwork');
    assert.equal(await told(dialog), 'terminated reason=deactivated');
    const said = [1, 2, 3].map(async () => table.take((await owner.next()).body).told);
    assert.deepEqual(await Promise.all(said), [
      ['sip:bob@example.com pending subscribe'],
      ['sip:bob@example.com active approved'],
      ['sip:bob@example.com terminated deactivated'],
    ]);
  });

  test('who may watch in one sphere only is on probation in the others', async () => {
    const presentity = newPresentity();
    here.ruled.write(presentity, ruleset(rule('at-work', 'allow', bob, undefined, '<sphere value="work"/>')));
    const response = await here.ua.publish(presentity, { body: document(presentity, 'work', 'here') });
    const dialog = await watch(presentity);
    assert.equal(await told(dialog), 'active here');
    await here.ua.publish(presentity, { body: document(presentity, 'home', 'gone'), etag: etagOf(response) });
    assert.equal(await told(dialog), 'terminated reason=probation');
    assert.equal(await told(await watch(presentity)), 'terminated reason=rejected');
  });
});
