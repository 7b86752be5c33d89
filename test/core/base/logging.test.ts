// Tests the log: text and JSON, a level per module, and repeated warnings that are counted instead of written.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createLogging, type LoggingOptions } from '../../../core/base/logging';
import { RepeatFilter } from '../../../core/base/repeats';
import { ManualClock } from '../../support/clock';

function open(options: Partial<LoggingOptions> = {}) {
  const lines: string[] = [];
  const clock = new ManualClock();
  const logging = createLogging({
    level: 'info',
    format: 'json',
    write: (line) => lines.push(line),
    clock,
    ...options,
  });
  return { logging, lines, clock };
}

test('a line of JSON holds the module, the text and the fields', () => {
  const { logging, lines } = open();
  logging.named('presence').info({ callId: 'a@b' }, 'hello');
  logging.close();
  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  assert.equal(typeof time, 'number');
  assert.deepEqual(rest, { level: 30, module: 'presence', callId: 'a@b', msg: 'hello' });
});

test('a line of text names level and module before the text', () => {
  const { logging, lines } = open({ format: 'text' });
  logging.named('presence').warn({ callId: 'a@b' }, 'hello');
  logging.close();
  assert.match(lines[0] ?? '', /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: presence: hello \{"callId":"a@b"\}\n$/);
});

test('a level can be changed for one module and for all while it runs', () => {
  const { logging, lines } = open();
  const presence = logging.named('presence');
  const core = logging.named('core');
  presence.debug('one');
  logging.setLevel('debug', 'presence');
  presence.debug('two');
  core.debug('three');
  assert.deepEqual([presence.isLevelEnabled('debug'), core.isLevelEnabled('debug')], [true, false]);
  logging.setLevel('error');
  presence.warn('four');
  logging.named('sl').warn('five');
  logging.close();
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).msg),
    ['two'],
  );
});

test('the same warning is written five times in ten seconds, then counted, and the count is not lost', () => {
  const { logging, lines } = open();
  const log = logging.named('sip');
  for (let i = 0; i < 8; i++) log.warn({ i }, 'no route');
  for (let i = 0; i < 8; i++) log.info({ i }, 'asked for');
  logging.close();
  const texts = lines.map((line) => JSON.parse(line).msg);
  assert.equal(texts.filter((text) => text === 'no route').length, 5);
  assert.equal(texts.filter((text) => text === 'asked for').length, 8);
  assert.equal(texts.at(-1), 'no route (repeated 3 more times)');
});

test('a text is written again after its ten seconds, and the sum of the last ones is said once', () => {
  const clock = new ManualClock();
  const filter = new RepeatFilter<string>(clock);
  const admitted = () => Array.from({ length: 7 }, () => filter.admit('text', 'who')).filter(Boolean).length;
  assert.equal(admitted(), 5);
  assert.deepEqual(filter.collect(), []);
  clock.advance(10_000);
  assert.deepEqual(filter.collect(), [{ text: 'text', who: 'who', repeated: 2 }]);
  assert.deepEqual(filter.collect(), []);
  assert.equal(admitted(), 5);
});

test('any number of different texts takes bounded memory, and none is lost', () => {
  const filter = new RepeatFilter<string>(new ManualClock());
  let written = 0;
  for (let i = 0; i < 10_000; i++) if (filter.admit(`text ${i}`, '')) written++;
  assert.equal(written, 10_000);
  assert.deepEqual(filter.collect(true), []);
});

test('two modules that say the same are counted each for itself', () => {
  const { logging, lines } = open();
  for (let i = 0; i < 5; i++) for (const name of ['presence', 'rls']) logging.named(name).warn('no database');
  for (let i = 0; i < 2; i++) logging.named('rls').warn('no database');
  logging.close();
  assert.equal(lines.length, 11);
  const { module, msg } = JSON.parse(lines.at(-1) ?? '');
  assert.deepEqual([module, msg], ['rls', 'no database (repeated 2 more times)']);
});

test('secrets are not written, wherever they stand', () => {
  const { logging, lines } = open();
  logging.named('core').info({ token: 's3cret', request: { authorization: 's3cret', user: 'bob' } }, 'hello');
  logging.close();
  assert.doesNotMatch(lines.join(''), /s3cret/);
  assert.match(lines.join(''), /bob/);
});

test('of an error its text, stack, code and causes are written, and nothing that a library hangs on it', () => {
  const { logging, lines } = open();
  const cause = Object.assign(new Error('connection refused'), { sql: 'INSERT s3cret' });
  const error = Object.assign(new Error('no database', { cause }), { code: 'EDB', sql: 'INSERT s3cret' });
  logging.named('core').error({ err: error }, 'failed');
  logging.close();
  const { err } = JSON.parse(lines[0] ?? '');
  assert.deepEqual(Object.keys(err), ['type', 'message', 'stack', 'code']);
  assert.equal(err.message, 'no database: connection refused');
  assert.doesNotMatch(lines.join(''), /s3cret/);
});
