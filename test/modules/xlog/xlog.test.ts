// Checks the lines that scripts write: their levels, their variables, and that no request can forge a line.
import assert from 'node:assert/strict';
import test from 'node:test';
import xlog from '../../../modules/xlog';
import { call, openModule } from '../../support/functions';

const request = () =>
  call(
    'SUBSCRIBE sip:alice@example.com:5080 SIP/2.0',
    { 'Call-ID': 'c1', 'User-Agent': 'Zoë/1', Subject: 'a\tb', To: '<sip:Bob@Example.org>;tag=t1', Event: 'presence' },
    'body',
  );

test('variables stand for values of the request', async () => {
  const { invoke, log } = await openModule(xlog);
  const { routed } = request();
  routed.avps.set('25', 'tag');
  const cases = {
    '$rm $ru $rU $rd $rp': 'SUBSCRIBE sip:alice@example.com:5080 alice example.com 5080',
    '$fn $fu $fU $fd $ft': 'Alice sip:alice@example.com alice example.com f1',
    '$tu $tU $td $tt $tn': 'sip:Bob@Example.org Bob Example.org t1 <null>',
    '$ci $cs $cl $rb $ua': 'c1 1 4 body Zoë/1',
    '$si:$sp $Ri:$Rp $proto $pr': '192.0.2.1:5070 127.0.0.1:5060 udp udp',
    '$hdr(Event) $hdr(X-No) $avp(25) $avp(26)': 'presence <null> tag <null>',
    '$ct $cT $Ts': '<null> <null> 1767225600',
    '100 $$ for $nothing and $': '100 $ for $nothing and $',
    '$hdr(open': '$hdr(open',
    'plain Zoë': 'plain Zoë',
  };
  for (const text of Object.keys(cases)) invoke('xlog', routed, 'L_INFO', Buffer.from(text).toString('latin1'));
  assert.deepEqual(
    log.map(({ msg }) => msg),
    Object.values(cases),
  );
});

test('without a request, and where a header is broken, the value is <null>', async () => {
  const { invoke, log } = await openModule(xlog);
  invoke('xlog', undefined, 'L_INFO', '$rm $si $Ts');
  invoke('xlog', call('PUBLISH sip:a@b SIP/2.0', { From: 'nonsense' }).routed, 'L_INFO', '$fu $rm');
  assert.deepEqual(
    log.map(({ msg }) => msg),
    ['<null> <null> 1767225600', '<null> PUBLISH'],
  );
});

test('levels are Kamailio’s, and another word is an error', async () => {
  const { invoke, log } = await openModule(xlog);
  for (const level of ['L_CRIT', 'L_ERR', 'L_WARN', 'L_NOTICE', 'L_DBG']) invoke('xlog', undefined, level, level);
  assert.deepEqual(
    log.map(({ level, msg }) => [level, msg]),
    [
      [60, 'L_CRIT'],
      [50, 'L_ERR'],
      [40, 'L_WARN'],
      [30, 'L_NOTICE'],
    ],
  );
  assert.throws(() => invoke('xlog', undefined, 'info', 'x'), /level must be one of L_ALERT, /);
});

test('what a client sends stays on one line and within buf_size', async () => {
  const { invoke, log } = await openModule(xlog, { buf_size: 16, prefix: '> ' });
  const { routed } = call('PUBLISH sip:a@b SIP/2.0', { Subject: 'a\u0000\u001b[31mred' }, 'one\r\ntwo\r\n');
  invoke('xlog', routed, 'L_INFO', '$rb');
  invoke('xlog', routed, 'L_INFO', '$hdr(Subject)');
  invoke('xlog', routed, 'L_INFO', 'a line that is longer than that');
  assert.deepEqual(
    log.map(({ msg }) => msg),
    ['> one two ', '> a [31mred', '> a line that is'],
  );
});

test('a script that makes its texts up does not fill the memory', async () => {
  const { invoke, log } = await openModule(xlog);
  for (let i = 0; i < 1000; i++) invoke('xlog', undefined, 'L_INFO', `text ${i} $rm`);
  assert.equal(log.length, 1000);
  assert.equal(log.at(-1)?.msg, 'text 999 <null>');
});
