// Tests what a kill -9 leaves: nothing acknowledged is lost, no CSeq is used again, what ended meanwhile is ended.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RollcallProcess } from '../support/rollcall';
import { etagOf, SipUa, type UaDialog } from '../support/sip-ua';
import { pidf } from '../support/wire';

const presentities = Array.from({ length: 40 }, (_, index) => `sip:crash${index}@localhost`);
const watchersEach = 3;

interface Acknowledged {
  etag: string;
  note: string;
}

/** CSeqs of a dialog rise strictly: none is repeated, none goes back. */
function assertRising(dialog: UaDialog): void {
  const numbers = dialog.notifies.map((notify) => notify.cseq);
  for (let i = 1; i < numbers.length; i++) {
    assert.ok((numbers[i] ?? 0) > (numbers[i - 1] ?? 0), `${dialog.callId}: CSeqs ${numbers.join(' ')}`);
  }
}

test('kill -9 in a stream of PUBLISH and SUBSCRIBE: what was acknowledged is there after the restart', async () => {
  const server = await RollcallProcess.start({ db: 'sqlite' });
  const ua = await SipUa.open('udp', server.at(), 'sip:watcher@localhost');
  const dialogs: UaDialog[] = [];
  for (const presentity of presentities.slice(0, 20)) {
    for (let i = 0; i < watchersEach; i++) dialogs.push((await ua.subscribe(presentity)).dialog);
  }

  const published = new Map<string, Acknowledged>();
  const acknowledgedDialogs: UaDialog[] = [...dialogs];
  let killed = false;
  const publishForEver = async (presentity: string) => {
    for (let round = 0; !killed; round++) {
      const last = published.get(presentity);
      const note = `${presentity} ${round}`;
      const options = { body: pidf(presentity, 'open', note), ...(last === undefined ? {} : { etag: last.etag }) };
      const response = await ua.publish(presentity, options).catch(() => undefined);
      if (response === undefined || killed) return;
      assert.equal(response.status, 200);
      published.set(presentity, { etag: etagOf(response), note });
    }
  };
  const subscribeForEver = async (presentity: string) => {
    while (!killed) {
      const made = await ua.subscribe(presentity).catch(() => undefined);
      if (made === undefined || made.response.status !== 202) return;
      acknowledgedDialogs.push(made.dialog);
      if (acknowledgedDialogs.length > 300) return;
    }
  };
  const load = [...presentities.map(publishForEver), ...presentities.slice(20, 24).map(subscribeForEver)];
  const underWay = () => published.size === presentities.length && acknowledgedDialogs.length >= 80;
  for (let waited = 0; waited < 500 && !underWay(); waited++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(underWay(), `${published.size} publications, ${acknowledgedDialogs.length} dialogs`);
  await server.kill();
  killed = true;
  // What is in flight gets no answer: this tells the client so at once.
  ua.client.abandon('the server was killed');
  await Promise.allSettled(load);

  await server.start();
  const lost: string[] = [];
  for (const [presentity, { etag, note }] of published) {
    // The one unacknowledged modify may have been committed: then the tag is a newer one, and the state a newer one.
    const { dialog } = await ua.subscribe(presentity, { expires: 0 });
    const { body } = await dialog.next();
    const round = Number(/ (\d+)<\/note>/.exec(body)?.[1] ?? -1);
    const acknowledged = Number(note.split(' ')[1]);
    if (round !== acknowledged && round !== acknowledged + 1) lost.push(`${presentity}: ${note}, but ${body}`);
    const refreshed = await ua.publish(presentity, { etag });
    if (round === acknowledged && refreshed.status !== 200)
      lost.push(`${presentity}: ${etag} answered ${refreshed.status}`);
  }
  for (const dialog of acknowledgedDialogs) {
    const response = await dialog.send(600);
    if (response.status !== 202) lost.push(`${dialog.callId}: ${response.status}`);
  }
  assert.deepEqual(lost, []);
  for (const presentity of presentities.slice(0, 20)) {
    await ua.publish(presentity, { body: pidf(presentity, 'open', 'after the restart') });
  }
  for (const dialog of dialogs) {
    await dialog.until((notify) => notify.body.includes('after the restart'));
    assertRising(dialog);
  }
  for (const dialog of acknowledgedDialogs) assertRising(dialog);
  ua.close();
  await server.stop();
});

test('records that ended while the server was down are ended, with their NOTIFYs, soon after the start', async () => {
  const server = await RollcallProcess.start({ db: 'sqlite' });
  const ua = await SipUa.open('udp', server.at(), 'sip:watcher@localhost');
  const presentity = 'sip:gone@localhost';
  const lasting = (await ua.subscribe(presentity, { expires: 600 })).dialog;
  const brief = (await ua.subscribe(presentity, { expires: 5 })).dialog;
  await ua.publish(presentity, { body: pidf(presentity, 'open', 'brief'), expires: 5 });
  await lasting.until((notify) => notify.body.includes('brief'));
  await brief.until((notify) => notify.body.includes('brief'));
  await server.kill();
  await new Promise((resolve) => setTimeout(resolve, 6_000)); // the machine's clock has to pass the expiry
  await server.start();
  const ended = await brief.until((notify) => notify.state === 'terminated');
  assert.match(ended.stateParams, /reason=timeout/);
  const closed = await lasting.until((notify) => notify.body.includes('closed'));
  assert.equal(closed.state, 'active');
  for (const dialog of [lasting, brief]) assertRising(dialog);
  assert.equal((await brief.send(60)).status, 481);
  ua.close();
  await server.stop();
});

test('SIGTERM under load: every answer that left is kept, and the exit code is 0', async () => {
  const server = await RollcallProcess.start({ db: 'sqlite' });
  const ua = await SipUa.open('udp', server.at(), 'sip:watcher@localhost');
  const pending = presentities.map((presentity) =>
    ua.publish(presentity, { body: pidf(presentity, 'open') }).catch(() => undefined),
  );
  await pending[0];
  assert.equal(await server.terminate(), 0);
  ua.client.abandon('the server was stopped');
  const responses = await Promise.all(pending);
  await server.start();
  for (const [index, response] of responses.entries()) {
    if (response === undefined) continue;
    assert.equal((await ua.publish(presentities[index] ?? '', { etag: etagOf(response) })).status, 200);
  }
  ua.close();
  await server.stop();
});
