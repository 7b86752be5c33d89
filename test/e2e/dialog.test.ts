// Tests busy lamps over real sockets: published calls reach those who watch, each state in order and under a rising version.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { dialog, dialogInfo, fixture, lamp, see } from '../modules/presence_dialoginfo/dialogs';
import { RawPeer } from '../support/raw-peer';
import { RollcallProcess, startRollcall, type TestServer } from '../support/rollcall';
import { etagOf, type Notify, type PublishOptions, SipUa, type UaDialog } from '../support/sip-ua';
import { fresh, pidf } from '../support/wire';

const type = 'application/dialog-info+xml';
const asDialog = (options: PublishOptions): PublishOptions => ({ event: 'dialog', contentType: type, ...options });
const newPresentity = () => `sip:${fresh('p')}@localhost`;
const versionOf = (notify: Notify) => Number(see(notify.body).version);

/** The next lamp, and that its document is newer than the one before. */
async function nextLamp(watcher: UaDialog): Promise<string[]> {
  const before = watcher.notifies.at(-1);
  const notify = await watcher.next();
  assert.equal(see(notify.body).state, 'full');
  if (before !== undefined && before !== notify) assert.ok(versionOf(notify) > versionOf(before));
  return lamp(notify.body);
}

for (const transport of ['udp', 'tcp'] as const) {
  describe(`event dialog over ${transport}`, () => {
    let server: TestServer;
    let phone: SipUa;
    let desk: SipUa;

    before(async () => {
      server = await startRollcall({ loadmodule: ['presence_dialoginfo'] });
      phone = await SipUa.open(transport, server.at(transport), 'sip:alice@localhost');
      desk = await SipUa.open(transport, server.at(transport), 'sip:desk@localhost');
    });
    after(async () => {
      phone.close();
      desk.close();
      await server.stop();
    });

    const publish = async (presentity: string, options: PublishOptions) => {
      const response = await phone.publish(presentity, asDialog(options));
      assert.equal(response.status, 200);
      return etagOf(response);
    };

    const watch = async (presentity: string) => {
      const { dialog: watcher, response } = await desk.subscribe(presentity, { event: 'dialog', accept: type });
      assert.equal(response.status, 200, 'not the 202 of presence');
      return watcher;
    };

    test('who watches somebody that is not on the phone gets an empty full document', async () => {
      const presentity = newPresentity();
      const notify = await (await watch(presentity)).next();
      assert.equal(notify.event, 'dialog');
      assert.equal(notify.contentType, type);
      const { state, entity, dialogs } = see(notify.body);
      assert.deepEqual({ state, entity, dialogs }, { state: 'full', entity: presentity, dialogs: [] });
    });

    test('a call is seen ringing, answered, ended and gone, in order, under rising versions', async () => {
      const presentity = newPresentity();
      const watcher = await watch(presentity);
      assert.deepEqual(await nextLamp(watcher), []);
      const id = '2e7d9c1a-5b0f-4a6e-9c53-8a1b0c2d3e4f';
      let etag: string | undefined;
      for (const state of ['early', 'confirmed', 'terminated']) {
        const body = fixture(`kamailio-${state}`).toString();
        etag = await publish(presentity, { body, ...(etag === undefined ? {} : { etag }) });
        assert.deepEqual(await nextLamp(watcher), [`${id}=${state}`]);
      }
      await publish(presentity, { expires: 0, ...(etag === undefined ? {} : { etag }) });
      assert.deepEqual(await nextLamp(watcher), []);
      const versions = watcher.notifies.map(versionOf);
      assert.deepEqual(
        versions,
        versions.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(versions).size, 5);
    });

    test('two phones with one call each: the end of one leaves the other', async () => {
      const presentity = newPresentity();
      const watcher = await watch(presentity);
      assert.deepEqual(await nextLamp(watcher), []);
      const call = (state: string, device: string) => dialogInfo(dialog('1', state, { callId: `c@${device}` }));
      const first = await publish(presentity, { body: call('confirmed', 'one') });
      assert.deepEqual(await nextLamp(watcher), ['1=confirmed']);
      const second = await publish(presentity, { body: call('early', 'two') });
      assert.deepEqual(await nextLamp(watcher), ['1=early', '1-2=confirmed']);
      const ended = await publish(presentity, { body: call('terminated', 'two'), etag: second });
      assert.deepEqual(await nextLamp(watcher), ['1=terminated', '1-2=confirmed']);
      await publish(presentity, { expires: 0, etag: ended });
      assert.deepEqual(await nextLamp(watcher), ['1=confirmed']);
      await publish(presentity, { expires: 0, etag: first });
      assert.deepEqual(await nextLamp(watcher), []);
    });

    test('a refresh of the publication tells nobody; a refresh of the subscription gets the same again', async () => {
      const presentity = newPresentity();
      const watcher = await watch(presentity);
      await watcher.next();
      const etag = await publish(presentity, { body: fixture('kamailio-confirmed').toString() });
      const confirmed = await watcher.next();
      await publish(presentity, { etag });
      assert.equal((await watcher.send(600)).status, 200);
      const again = await watcher.next();
      assert.equal(again.cseq, confirmed.cseq + 1);
      assert.equal(again.body, confirmed.body);
    });

    test('calls and presence of one user do not mix', async () => {
      const presentity = newPresentity();
      const watcher = await watch(presentity);
      await watcher.next();
      await phone.publish(presentity, { body: pidf(presentity, 'open') });
      await publish(presentity, { body: fixture('sofia-trying').toString() });
      assert.deepEqual(await nextLamp(watcher), ['as7d900as8=trying']);
    });

    test('who watches the lamps is seen with dialog.winfo', async () => {
      const presentity = newPresentity();
      const winfo = await desk.subscribe(presentity, { event: 'dialog.winfo', from: presentity });
      assert.equal(winfo.response.status, 200);
      assert.equal((await winfo.dialog.next()).event, 'dialog.winfo');
      await watch(presentity);
      const { body } = await winfo.dialog.next();
      assert.match(
        body,
        /<watcher-list resource="[^"]+" package="dialog">\n<watcher [^>]*event="subscribe" status="active"/,
      );
      assert.match(body, />sip:desk@localhost<\/watcher>/);
    });

    test('what is no dialog-info is refused with the reason', async () => {
      const presentity = newPresentity();
      const refused = async (options: PublishOptions) => phone.publish(presentity, asDialog(options));
      const broken = await refused({ body: dialogInfo('<dialog id="a"/>') });
      assert.deepEqual([broken.status, broken.reason], [400, 'dialog without state']);
      const other = await refused({ body: pidf(presentity, 'open'), contentType: 'application/pidf+xml' });
      assert.equal(other.status, 415);
      assert.match(String(other.headers.accept), /application\/dialog-info\+xml/);
      const { response } = await desk.subscribe(presentity, { event: 'dialog', accept: 'application/pidf+xml' });
      assert.equal(response.status, 406);
    });

    test('a package that is not loaded is answered 489 with those that are', async () => {
      const { response } = await desk.subscribe(newPresentity(), { event: 'message-summary' });
      assert.equal(response.status, 489);
      const allowed = String(response.headers['allow-events']).split(/,\s*/).sort();
      assert.deepEqual(allowed, ['dialog', 'dialog.winfo', 'presence', 'presence.winfo']);
    });

    test('a lamp key that names an event id, no Expires and no Accept gets NOTIFYs with that id', async () => {
      const raw = await RawPeer.open(transport, server.at(transport));
      const callId = fresh('lamp');
      const headers = ['Event: dialog;id=7', `Contact: ${raw.contact()}`];
      const reply = await raw.ask({ method: 'SUBSCRIBE', uri: newPresentity(), callId, headers });
      assert.equal(reply.status, 200);
      assert.equal(reply.header('Expires'), '3600');
      const notify = await raw.notify(callId);
      assert.equal(notify.header('Event'), 'dialog;id=7');
      assert.equal(notify.header('Content-Type'), type);
      raw.close();
    });
  });
}

test('versions go on after a crash, so that no phone takes a new document for an old one', async () => {
  const server = await RollcallProcess.start({ loadmodule: ['presence_dialoginfo'], db: 'sqlite' });
  const phone = await SipUa.open('udp', server.at(), 'sip:alice@localhost');
  const desk = await SipUa.open('udp', server.at(), 'sip:desk@localhost');
  const presentity = newPresentity();
  const { dialog: watcher } = await desk.subscribe(presentity, { event: 'dialog' });
  await watcher.next();
  const etag = etagOf(await phone.publish(presentity, asDialog({ body: fixture('kamailio-early').toString() })));
  const early = await watcher.next();
  await server.kill();
  await server.start();
  await phone.publish(presentity, asDialog({ body: fixture('kamailio-confirmed').toString(), etag }));
  const confirmed = await watcher.until(({ body }) => body.includes('confirmed'));
  assert.ok(versionOf(confirmed) > versionOf(early));
  phone.close();
  desk.close();
  await server.stop();
});
