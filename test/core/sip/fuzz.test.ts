// Owns the seeded fuzz of the parser: whatever comes, one of four verdicts, and nothing thrown but SipError.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findFrame } from '../../../core/sip/frame';
import { parseMessage } from '../../../core/sip/message';
import { buildReply } from '../../../core/sip/reply';
import { mutate, seeded } from '../../support/mutate';
import { root } from '../../support/tree';
import { publish, subscribe } from './sample';
import { touchAll } from './touch';

const folder = join(root, 'test/torture');
const torture = readdirSync(folder)
  .filter((name) => name.endsWith('.dat'))
  .sort()
  .map((name) => readFileSync(join(folder, name), 'latin1'));
const corpus = [publish, subscribe, ...torture];

/** ROLLCALL_SEED=n runs another set, and the failing seed alone again. */
const firstSeed = Number(process.env.ROLLCALL_SEED ?? 1);
const rounds = process.env.ROLLCALL_SEED === undefined ? 6000 : 1;

/** A message of the corpus, sometimes glued to a piece of another, then damaged. */
function damaged(seed: number): string {
  const random = seeded(seed);
  const any = () => corpus[Math.floor(random() * corpus.length)] ?? publish;
  let text = any();
  if (random() < 0.2) {
    const other = any();
    text = text.slice(0, Math.floor(random() * text.length)) + other.slice(Math.floor(random() * other.length));
  }
  if (random() < 0.1) {
    const at = Math.floor(random() * text.length);
    const flipped = text.charCodeAt(at) ^ (1 << Math.floor(random() * 8));
    text = text.slice(0, at) + String.fromCharCode(flipped & 0xff) + text.slice(at + 1);
  }
  return mutate(text, random);
}

test(`${rounds} damaged messages from seed ${firstSeed}: one of four verdicts each, no error but SipError`, () => {
  const verdicts = new Map<string, number>();
  for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
    const bytes = Buffer.from(damaged(seed), 'latin1');
    try {
      const parsed = parseMessage(bytes);
      touchAll(parsed);
      verdicts.set(parsed.kind, (verdicts.get(parsed.kind) ?? 0) + 1);
    } catch (error) {
      throw new Error(`seed ${seed}: ROLLCALL_SEED=${seed} runs it again\n${bytes.toString('latin1')}`, {
        cause: error,
      });
    }
  }
  if (rounds === 1) return;
  for (const kind of ['bad', 'request', 'response']) assert.ok((verdicts.get(kind) ?? 0) > 0, `${kind}: none`);
});

test('the reply to a damaged request is a message that can be read, whatever was copied into it', () => {
  for (let seed = firstSeed; seed < firstSeed + rounds / 3; seed++) {
    const parsed = parseMessage(Buffer.from(damaged(seed), 'latin1'));
    if (parsed.kind !== 'request') continue;
    parsed.message.source = { address: '192.0.2.1', port: 5060 };
    const reply = parseMessage(buildReply(parsed.message, 200, 'OK', { toTag: '10.x' }));
    assert.ok(reply.kind === 'response', `seed ${seed}`);
    assert.equal(reply.message.callId, parsed.message.callId, `seed ${seed}`);
    assert.deepEqual(reply.message.cseq, parsed.message.cseq, `seed ${seed}`);
    assert.equal(reply.message.via.branch, parsed.message.via.branch, `seed ${seed}`);
    assert.equal(reply.message.fromTag, parsed.message.fromTag, `seed ${seed}`);
  }
});

test('a stream of damaged messages is framed the same whatever pieces it comes in', () => {
  for (let seed = firstSeed; seed < firstSeed + rounds / 6; seed++) {
    const random = seeded(seed);
    const bytes = Buffer.from(damaged(seed), 'latin1');
    const whole = findFrame(bytes, 0);
    let length = 0;
    let frame = findFrame(bytes.subarray(0, 0), 0);
    while (frame.kind === 'incomplete' && length < bytes.length) {
      length = Math.min(bytes.length, length + 1 + Math.floor(random() * 200));
      frame = findFrame(bytes.subarray(0, length), frame.start, frame.searched);
    }
    assert.deepEqual(frame, whole, `seed ${seed}`);
  }
});
