// Tests that who has no right never receives a byte that depends on the presentity: secrets everywhere, every datagram searched.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Component, fullDocument, type Secret } from '../modules/presence_xml/rules/secrets';
import { ifMatch, newPresentity, Phone } from '../support/phone';
import type { RawPeer } from '../support/raw-peer';
import { RuledServer, rule, ruleset } from '../support/ruled-server';
import type { WireMessage } from '../support/wire';

let ruled: RuledServer;
before(async () => {
  ruled = await RuledServer.start();
});
after(() => ruled.stop());

const components: readonly Component[] = [
  { kind: 'services', id: 'a', class: 'biz', scheme: 'sip' },
  { kind: 'services', id: 'closed', class: 'home', scheme: 'mailto' },
  { kind: 'persons', id: 'b', class: undefined, scheme: 'sip' },
  { kind: 'devices', id: 'c', class: 'home', scheme: 'sip' },
];

/** A document with a random text in every place there is. `texts` collects them. */
function secretDocument(some: readonly Component[], texts: Set<string>): string {
  const secrets: Secret[] = [];
  let document = fullDocument(some, secrets);
  for (const { token } of secrets) {
    const text = `s${randomBytes(8).toString('hex')}`;
    texts.add(text);
    document = document.replaceAll(token, text);
  }
  return document;
}

const everybodyElse = rule('others', 'allow', '<one id="sip:friend@h"/>');

/** Those who have no right, each with the rules that say so; undefined: there are none. */
const stranger = '<one id="sip:stranger@h"/>';
const cases: Readonly<Record<string, string | undefined>> = {
  blocked: ruleset(everybodyElse + rule('a', 'block', stranger)),
  'not mentioned': ruleset(everybodyElse),
  'politely blocked': ruleset(everybodyElse + rule('a', 'polite-block', stranger)),
  'to be confirmed': ruleset(everybodyElse + rule('a', 'confirm', stranger)),
  'allowed to see nothing': ruleset(everybodyElse + rule('a', 'allow', stranger, '')),
  'allowed attributes of nothing': ruleset(
    everybodyElse + rule('a', 'allow', stranger, '<pr:provide-all-attributes/><pr:provide-note>true</pr:provide-note>'),
  ),
  'without a document': undefined,
  'with a broken document': ruleset(everybodyElse).replace('allow', 'alow'),
};

/** What is published in a run, in three turns. */
type Life = (phone: Phone, presentity: string, turn: number, texts: Set<string>) => Promise<unknown>;

const lives: Readonly<Record<string, Life>> = {
  nothing: async () => {},
  'one service, always the same': async (phone, presentity, turn, texts) => {
    if (turn === 0) await phone.publish(presentity, secretDocument(components.slice(0, 1), texts));
  },
  'everything, changing, from two devices': async (phone, presentity, turn, texts) => {
    const reply = await phone.publish(presentity, secretDocument(components, texts), ['Expires: 600']);
    await phone.publish(presentity, secretDocument(components.slice(turn), texts), ['Expires: 1']);
    await phone.publish(presentity, secretDocument(components.slice(1), texts), [ifMatch(reply)]);
    if (turn === 1) await phone.publish(presentity, undefined, ['Expires: 0']);
  },
};

/** Without what is random or the stranger's own: tags, branches, names of this run, seconds left. */
function normalised(text: string, presentity: string, port: number): string {
  return text
    .replaceAll(presentity.slice(4, presentity.indexOf('@')), 'PRESENTITY')
    .replaceAll(String(port), 'PORT')
    .replace(/branch=[^;\r\n]+/g, 'branch=B')
    .replace(/tag=[^;\r\n]+/g, 'tag=T')
    .replace(/^Call-ID: .*$/m, 'Call-ID: C')
    .replace(/;expires=\d+/, ';expires=E');
}

interface Seen {
  /** Messages without what is random, sorted: their order over all dialogs is the network's. */
  seen: string[];
  raw: string;
  /** What was published. */
  texts: Set<string>;
}

/** All that a stranger receives in a run. */
async function run(rules: string | undefined, life: Life): Promise<Seen> {
  const presentity = newPresentity();
  ruled.write(presentity, rules);
  const phones = await Promise.all([1, 2, 3].map(() => Phone.open('udp', ruled.server)));
  try {
    return await among(phones, presentity, rules, life);
  } finally {
    for (const phone of phones) phone.peer.close();
  }
}

async function among(
  [alice, friend, strangers]: readonly Phone[],
  presentity: string,
  rules: string | undefined,
  life: Life,
): Promise<Seen> {
  assert.ok(alice && friend && strangers);
  const texts = new Set<string>();
  const from = '<sip:stranger@h>;tag=mine';
  const { peer } = strangers;
  await life(alice, presentity, 0, texts);
  await friend.watch(presentity, [], { from: '<sip:friend@h>;tag=f' });
  const { callId, reply } = await strangers.watch(presentity, ['Expires: 300'], { from });
  const tag = reply.tag('To') ?? '';
  const first = await peer.notify(callId);
  const isOver = first.state === 'terminated';
  const inDialog = (cseq: number, expires: number): Promise<WireMessage> =>
    peer.ask({
      method: 'SUBSCRIBE',
      uri: presentity,
      callId,
      cseq,
      from,
      to: `<${presentity}>;tag=${tag}`,
      headers: ['Event: presence', `Contact: ${peer.contact()}`, `Expires: ${expires}`],
    });
  for (let turn = 1; turn < 4; turn++) {
    await life(alice, presentity, turn, texts);
    // Whoever may see the state is told of the end of the short publications before the stranger asks again.
    await inDialog(turn + 1, turn === 3 ? 0 : 300);
    if (!isOver) await peer.notify(callId);
  }
  await tryAround(peer, presentity, from);
  const fetch = await strangers.watch(presentity, ['Expires: 0'], { from });
  await peer.notify(fetch.callId);
  // Short publications have ended by now, and what that might have caused has come.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.deepEqual(peer.unread(), [], 'nothing has come unasked');
  // A retransmission is no other message.
  const seen = [...new Set(peer.chunks)].map((text) => normalised(text, presentity, peer.local.port));
  const known = friend.peer.chunks.join('');
  const isSeenByFriend = [...texts].some((text) => known.includes(text));
  assert.equal(isSeenByFriend, texts.size > 0 && rules !== undefined && !rules.includes('alow'), 'the friend sees it');
  return { seen: seen.sort(), raw: peer.chunks.join(''), texts };
}

/** What a stranger may try beside a plain subscription: each answer is the same whatever is published. */
async function tryAround(peer: RawPeer, presentity: string, from: string): Promise<void> {
  const answers = [
    [403, 'Event: presence.winfo'],
    [406, 'Event: presence', 'Accept: application/watcherinfo+xml'],
    [489, 'Event: no-such-package'],
    [400, 'Event: presence', 'Expires: soon'],
  ] as const;
  for (const [status, ...headers] of answers) {
    const reply = await peer.ask({
      method: 'SUBSCRIBE',
      uri: presentity,
      from,
      headers: [`Contact: ${peer.contact()}`, ...headers],
    });
    assert.equal(reply.status, status, reply.text);
  }
  const lost = await peer.ask({
    method: 'SUBSCRIBE',
    uri: presentity,
    from,
    to: `<${presentity}>;tag=guessed`,
    headers: ['Event: presence', `Contact: ${peer.contact()}`],
  });
  assert.equal(lost.status, 481);
  const guess = await peer.ask({
    method: 'PUBLISH',
    uri: presentity,
    from,
    headers: ['Event: presence', 'SIP-If-Match: guessed', 'Expires: 0'],
  });
  assert.equal(guess.status, 412);
}

describe('who has no right learns nothing', { concurrency: 2 }, () => {
  for (const [name, rules] of Object.entries(cases)) {
    test(`${name}: the same bytes whatever is published`, async () => {
      const runs = await Promise.all(Object.values(lives).map((life) => run(rules, life)));
      const [nothing, ...others] = runs;
      assert.ok(nothing && others.length === 2);
      assert.ok(nothing.seen.length >= 7, `${nothing.seen.length} messages`);
      for (const { seen } of others) assert.deepEqual(seen, nothing.seen);
      const texts = runs.flatMap((each) => [...each.texts]);
      assert.ok(texts.length > 500, `${texts.length} secrets`);
      for (const { raw } of runs) for (const text of texts) assert.equal(raw.includes(text), false, text);
    });
  }
});
