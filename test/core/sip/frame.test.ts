// Owns the proof that streams are framed right, whatever pieces they come in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Frame, findFrame } from '../../../core/sip/frame';
import { parseMessage } from '../../../core/sip/message';
import { scanWork } from '../../../core/sip/text';
import { publish, subscribe, withLine } from './sample';

function framed(text: string, start = 0): Frame {
  return findFrame(Buffer.from(text, 'latin1'), start);
}

test('a message is found with its head and the length of its body', () => {
  const frame = framed(publish);
  assert.deepEqual(frame, { kind: 'message', start: 0, headEnd: publish.length - 11, contentLength: 11 });
});

test('many messages in one buffer are found one after the other, keep-alives between them skipped', () => {
  const buffer = Buffer.from(`\r\n\r\n${publish}\r\n${subscribe}\0${publish}`, 'latin1');
  const methods: string[] = [];
  let position = 0;
  for (let frame = findFrame(buffer, 0); frame.kind === 'message'; frame = findFrame(buffer, position)) {
    position = frame.headEnd + frame.contentLength;
    const parsed = parseMessage(buffer.subarray(frame.start, position));
    assert.ok(parsed.kind === 'request');
    methods.push(parsed.message.method);
  }
  assert.deepEqual(methods, ['PUBLISH', 'SUBSCRIBE', 'PUBLISH']);
  assert.equal(position, buffer.length);
});

test('a message that comes byte by byte is found at its last byte of head, in linear work', () => {
  const text = withLine(publish, 'Event', `X: ${'y'.repeat(5000)}`);
  const bytes = Buffer.from(text, 'latin1');
  const headEnd = bytes.length - 11;
  const before = scanWork();
  let searched = 0;
  for (let length = 1; length < headEnd; length++) {
    const frame = findFrame(bytes.subarray(0, length), 0, searched);
    assert.ok(frame.kind === 'incomplete', `at ${length}`);
    searched = frame.searched;
  }
  assert.equal(findFrame(bytes.subarray(0, headEnd), 0, searched).kind, 'message');
  assert.ok(scanWork() - before < 12 * bytes.length, `${scanWork() - before} for ${bytes.length}`);
});

test('a message that comes in two pieces is found wherever it is cut', () => {
  for (const text of [publish, publish.replaceAll('\r\n', '\n')]) {
    const bytes = Buffer.from(text, 'latin1');
    const whole = findFrame(bytes, 0);
    for (let cut = 0; cut < bytes.length; cut++) {
      const first = findFrame(bytes.subarray(0, cut), 0);
      const frame = first.kind === 'incomplete' ? findFrame(bytes, first.start, first.searched) : first;
      assert.deepEqual(frame, whole, `cut at ${cut}`);
    }
  }
});

test('a missing Content-Length is no body, and a compact one counts', () => {
  const bare = framed(withLine(subscribe, 'Content-Length', 'X: y'));
  assert.ok(bare.kind === 'message' && bare.contentLength === 0);
  const compact = framed(withLine(publish, 'Content-Length', 'L :\r\n 11'));
  assert.ok(compact.kind === 'message' && compact.contentLength === 11);
  const folded = framed(withLine(publish, 'Event', 'X: y\r\n Content-Length: 7'));
  assert.ok(folded.kind === 'message' && folded.contentLength === 11, 'a fold is no header line');
});

test('where nobody can tell the end, the frame is bad and says where its head ends', () => {
  const cases: [string, number][] = [
    [withLine(publish, 'Content-Length', 'Content-Length: -1'), 400],
    [withLine(publish, 'Content-Length', 'Content-Length: 5\r\nl: 6'), 400],
    [withLine(publish, 'Event', 'X: y\r\n'.repeat(400).trimEnd()), 400],
    [`PUBLISH sip:a@b SIP/2.0\r\nX: ${'y'.repeat(40_000)}`, 513],
    ['y'.repeat(40_000), 513],
  ];
  for (const [text, status] of cases) {
    const frame = framed(text);
    assert.ok(frame.kind === 'bad');
    assert.equal(frame.error.status, status);
    assert.ok(frame.headEnd <= text.length);
  }
});

test('a faulty header line does not hide where the message ends', () => {
  const frame = framed(withLine(publish, 'Event', 'no colon'));
  assert.ok(frame.kind === 'message' && frame.contentLength === 11);
});

test('the framing and the parser agree on where the head ends', () => {
  for (const text of [publish, subscribe, publish.replaceAll('\r\n', '\n'), `\r\n${publish}`]) {
    const frame = framed(text);
    assert.ok(frame.kind === 'message');
    const bytes = Buffer.from(text, 'latin1');
    const parsed = parseMessage(bytes.subarray(frame.start, frame.headEnd + frame.contentLength));
    assert.ok(parsed.kind === 'request');
    assert.equal(parsed.message.body.length, frame.contentLength);
  }
});
