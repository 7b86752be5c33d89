// Tests `rollcall explain` against a running server: which rules match and why, and the document that the watcher really gets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RuledProcess } from '../support/ruled-process';
import { rule, ruleset } from '../support/ruled-server';
import { SipUa } from '../support/sip-ua';
import { pidf } from '../support/wire';

const alice = 'sip:alice@example.com';
const bob = 'sip:bob@example.com';
const services = '<pr:provide-services><pr:all-services/></pr:provide-services>';
const document = ruleset(
  rule('friends', 'allow', '<many domain="example.com"><except id="sip:eve@example.com"/></many>', services) +
    rule('boss', 'polite-block', '<one id="sip:boss@example.org"/>', '', '<sphere value="work"/>') +
    rule(
      'later',
      'confirm',
      undefined,
      '',
      '<validity><from>2090-01-01T00:00:00Z</from><until>2091-01-01T00:00:00Z</until></validity>',
    ),
);

let server: RuledProcess;
let ua: SipUa;
before(async () => {
  server = await RuledProcess.start();
  ua = await SipUa.open('udp', server.server.at(), bob);
  server.write(alice, document);
  server.write('sip:broken@example.com', '<ruleset>');
  await ua.publish(alice, { body: pidf(alice, 'open', 'private') });
});
after(async () => {
  ua.close();
  await server.server.stop();
});

const rollcall = (...args: readonly string[]) => server.run(...args);

interface Explanation {
  decided_by: string;
  rules: { rule: string; matches: string; because: string }[];
  sub_handling: string;
  may_see: string;
  changes_by_time: string;
  permission: string;
  subscriptions: { status: string; call_id: string }[];
  document: string;
}

async function explained(watcher: string, presentity = alice): Promise<Explanation> {
  const { out, err, code } = await rollcall('explain', watcher, presentity, '--json');
  assert.deepEqual([code, err], [0, '']);
  return JSON.parse(out) as Explanation;
}

test('it says which rules match, what they grant, and shows the very document that a NOTIFY carries', async () => {
  const { dialog } = await ua.subscribe(alice);
  const notify = await dialog.next();
  const answer = await explained('sip:bob@EXAMPLE.com:5070');
  assert.equal(answer.document, notify.body);
  assert.equal(notify.body.includes('private'), false);
  assert.equal(answer.decided_by, 'pres-rules/users/sip:alice@example.com/index');
  assert.equal(answer.sub_handling, 'allow');
  assert.equal(answer.may_see, 'all services, with no attributes');
  assert.equal(answer.changes_by_time, '2090-01-01T00:00:00Z');
  assert.deepEqual(answer.rules, [
    { rule: 'friends', matches: 'yes', because: 'identity: sip:bob@example.com is one of many' },
    {
      rule: 'boss',
      matches: 'no',
      because:
        'identity: one sip:boss@example.org is not the watcher sip:bob@example.com; sphere: the presentity is in none that is known',
    },
    { rule: 'later', matches: 'no', because: answer.rules[2]?.because },
  ]);
  assert.match(answer.rules[2]?.because ?? '', /^validity: .* is outside$/);
  const [running] = answer.subscriptions;
  assert.deepEqual([running?.status, running?.call_id], ['active', dialog.callId]);
});

test('for people it is a page with the document at its end', async () => {
  const { out, code } = await rollcall('explain', bob, alice);
  assert.equal(code, 0);
  assert.match(out, /^watcher +sip:bob@example\.com$/m);
  assert.match(out, /^ {2}friends +yes +identity: sip:bob@example\.com is one of many$/m);
  assert.match(out, /^document\n {2}<\?xml .*\n {2}<presence [^\n]*\n(.*\n)* {2}<\/presence>\n$/m);
});

test('who is refused, who waits and who cannot be named gets no document, and the reason', async () => {
  const eve = await explained('sip:eve@example.com');
  assert.deepEqual(
    [eve.sub_handling, eve.may_see, eve.document, eve.subscriptions],
    ['block, because no rule matches', 'nothing', 'none', []],
  );
  const anonymous = await explained('anonymous');
  assert.match(JSON.stringify(anonymous.rules), /the watcher is not authenticated/);
  const nothing = await explained(bob, 'sip:nobody@example.com');
  assert.deepEqual([nothing.decided_by, nothing.document], ['nothing: the presentity has no rules document', 'none']);
  assert.match(nothing.permission, /^pending/);
  const broken = await explained(bob, 'sip:broken@example.com');
  assert.match(broken.decided_by, /^nothing: \S+broken@example\.com\/index cannot be read, 1:\d+: not well-formed/);
});

test('what it cannot explain it says, and exits with 1', async () => {
  for (const args of [['bob', alice], [bob], [bob, alice, 'nothing'], [bob, 'alice']]) {
    const { code, err } = await rollcall('explain', ...args);
    assert.equal(code, 1, err);
    assert.match(err, /^rollcall: /);
  }
});

test('the control commands with Kamailio’s names apply changed rules', async () => {
  const carol = 'sip:carol@example.com';
  const { dialog } = await ua.subscribe(carol);
  assert.equal((await dialog.next()).state, 'pending');
  server.write(carol, document);
  const { code, err } = await rollcall('ctl', 'presence.updateWatchers', carol, 'presence');
  assert.deepEqual([code, err], [0, '']);
  assert.equal((await dialog.next()).state, 'active');
  assert.equal((await rollcall('ctl', 'presence.refreshWatchers', carol, 'presence', '0')).code, 0);
  assert.equal((await dialog.next()).state, 'active');
  assert.equal((await rollcall('ctl', 'presence.refreshWatchers', carol, 'presence', '7')).code, 1);
});
