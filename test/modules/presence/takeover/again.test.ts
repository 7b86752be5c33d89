// Tests that a take-over may be run again and again: nothing twice, nothing back that has ended, nothing lost of what goes on.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Database } from '../../../../core/db/database';
import { cseqCeiling } from '../../../../modules/presence/resource';
import { cseqJump } from '../../../../modules/presence/takeover/records';
import { Importing } from './importing';
import { now } from './old-server';

let importing: Importing;
beforeEach(() => {
  importing = new Importing();
});
afterEach(() => importing.close());

test('running it again takes nothing twice, and brings nothing back that has ended here', async () => {
  importing.old.add('presentity');
  importing.old.add('active_watchers');
  importing.old.add('xcap');
  await importing.run();
  assert.deepEqual((await importing.run()).tallies, {
    xcap: [1, 0, 1],
    presentity: [1, 0, 1],
    active_watchers: [1, 0, 1],
    watchers: [0, 0, 0],
  });
  await importing.commit(({ publications }) => {
    const [publication] = publications.values();
    assert.ok(publication);
    return { kind: 'unpublish', publication };
  });
  assert.deepEqual((await importing.run()).tallies.presentity, [1, 0, 1]);
  assert.equal((await importing.loaded()).publications.size, 0);
});

test('what changed in the old server since is taken again, unless it has changed here as well', async () => {
  importing.old.add('presentity');
  importing.old.add('active_watchers');
  importing.old.add('xcap');
  await importing.run();
  importing.old.change('presentity', "etag = 'a.1.2.4', body = 'newer'");
  importing.old.change('active_watchers', 'remote_cseq = 3, local_cseq = 9');
  importing.old.change('xcap', "etag = 'x2', doc = '<ruleset id=\"2\"/>'");
  assert.deepEqual((await importing.run()).reasons, []);
  const resource = await importing.loaded();
  assert.deepEqual([...resource.publications.keys()], ['a.1.2.4']);
  const [dialog] = resource.subscriptions.values();
  assert.deepEqual([dialog?.remoteCseq, dialog?.localCseq], [3, 9 + cseqJump]);
  assert.equal(resource.rules?.body.toString(), '<ruleset id="2"/>');

  await importing.commit(() => {
    assert.ok(dialog);
    return { kind: 'subscribe', subscription: { ...dialog, remoteCseq: 4 }, replaces: dialog };
  });
  importing.old.change('presentity', "etag = 'a.1.2.5'");
  importing.old.change('active_watchers', 'remote_cseq = 5');
  await importing.commit(({ publications }) => {
    const publication = publications.get('a.1.2.4');
    assert.ok(publication);
    return { kind: 'publish', publication: { ...publication, etag: 'moved' }, replaces: publication };
  });
  const { reasons } = await importing.run();
  const refused = '1 it was taken over before, and has changed or ended here since';
  assert.deepEqual(reasons, [refused, refused]);
  assert.deepEqual([...(await importing.loaded()).publications.keys()], ['moved']);
});

test('NOTIFYs that this server has sent in a dialog are never repeated by what is taken again', async () => {
  importing.old.add('active_watchers');
  await importing.run();
  for (let i = 0; i < 3; i++) await importing.commit(() => ({ kind: 'fan-out', winfo: false }));
  const before = await importing.loaded();
  const [first] = before.subscriptions.values();
  assert.ok(first);
  importing.old.change('active_watchers', 'local_cseq = 6');
  assert.deepEqual((await importing.run()).tallies.active_watchers, [1, 1, 0]);
  const after = await importing.loaded();
  const [second] = after.subscriptions.values();
  assert.ok(second);
  assert.ok(cseqCeiling(after, second) >= cseqCeiling(before, first));
});

test('beside a server that changes the same presentity nothing of either is lost', async () => {
  importing.old.add('presentity');
  const { target } = importing;
  let meanwhile: (() => Promise<void>) | undefined = async () => {
    const document = { etag: 'own', body: Buffer.from('own'), changedAt: now, sequence: 1 };
    const publication = { ruid: 'own', etag: 'own', expires: now + 60, receivedTime: now, sender: '', document };
    await importing.commit(() => ({ kind: 'publish', publication, replaces: undefined }));
  };
  const beside: Database = {
    url: target.url,
    prepare: (tables) => target.prepare(tables),
    select: (queries) => target.select(queries),
    close: () => target.close(),
    async commit(change) {
      const between = meanwhile;
      meanwhile = undefined;
      await between?.();
      return target.commit(change);
    },
  };
  assert.deepEqual((await importing.run(beside)).tallies.presentity, [1, 1, 0]);
  assert.deepEqual([...(await importing.loaded()).publications.keys()].sort(), ['a.1.2.3', 'own']);
});
