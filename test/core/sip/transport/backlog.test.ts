// Tests the look into the kernel's tables of UDP sockets, on tables as Linux prints them and on the real one.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { BacklogTable, procAddress } from '../../../../core/sip/transport/backlog';

const little = process.arch !== 's390x' && process.arch !== 'ppc64';
const head =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const ipv4 = `${head}  298: 0100007F:13C4 00000000:0000 07 00000000:0010AE00 00:00000000 00000000  1000        0 4711 2 0000000000000000 17
  299: 00000000:13C5 00000000:0000 07 00000000:00000300 00:00000000 00000000  1000        0 4712 2 0000000000000000 0
`;
const ipv6 = `${head}  300: 00000000000000000000000001000000:13C4 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 4713 2 0000000000000000 3
`;

test('a socket is found by its address and port, and its bytes and losses are read', { skip: !little }, () => {
  const table = new BacklogTable((file) => (file.endsWith('udp6') ? ipv6 : ipv4));
  assert.deepEqual(table.of('127.0.0.1', 5060), { bytes: 0x10ae00, dropped: 17 });
  assert.deepEqual(table.of('0.0.0.0', 5061), { bytes: 0x300, dropped: 0 });
  assert.deepEqual(table.of('::1', 5060), { bytes: 0, dropped: 3 });
  assert.equal(table.of('127.0.0.1', 5061), undefined);
});

test('without the tables nothing is told', () => {
  const table = new BacklogTable(() => undefined);
  assert.equal(table.of('127.0.0.1', 5060), undefined);
  assert.equal(table.of('::', 5060), undefined);
});

test('a table of another shape is not taken for a number', { skip: !little }, () => {
  const table = new BacklogTable(() => `${head}  1: 0100007F:13C4 nonsense\n`);
  assert.equal(table.of('127.0.0.1', 5060), undefined);
});

test('addresses are written as the kernel does, in words of the machine’s byte order', () => {
  assert.equal(procAddress('192.0.2.1', true), '010200C0');
  assert.equal(procAddress('192.0.2.1', false), 'C0000201');
  assert.equal(procAddress('2001:db8::5', true), 'B80D0120000000000000000005000000');
  assert.equal(procAddress('::', true), '0'.repeat(32));
  assert.equal(procAddress('::ffff:192.0.2.1', false), '00000000000000000000FFFFC0000201');
  assert.equal(procAddress('fe80::1%eth0', false), 'FE800000000000000000000000000001');
});

test('this machine’s kernel tells of a socket that is open, and of none that is not', {
  skip: process.platform !== 'linux',
}, async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { address, port } = socket.address();
  const table = new BacklogTable();
  assert.deepEqual(table.of(address, port), { bytes: 0, dropped: 0 });
  await new Promise<void>((resolve) => socket.close(resolve));
  assert.equal(table.of(address, port), undefined);
});
