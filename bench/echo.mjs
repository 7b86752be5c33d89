// Owns the floor: a UDP server in Node that only answers each datagram. node bench/echo.mjs PORT [BYTES of the answer]:
import { createSocket } from 'node:dgram';

const [port, size] = process.argv.slice(2).map(Number);
const socket = createSocket({ type: 'udp4' });
const padding = Buffer.alloc(size ?? 0, 'x');
socket.on('message', (datagram, from) => {
  const answer = size === undefined ? datagram : Buffer.concat([datagram, padding], size);
  socket.send(answer, from.port, from.address);
});
socket.bind(port, '127.0.0.1');
