// Owns `npm run bench:overload [times] [workload]`: three times what the server can do, for 8 s, and an OPTIONS every 20 ms.
import { createSocket } from 'node:dgram';
import { setTimeout as after } from 'node:timers/promises';
import { alone } from './lock';
import { type Loaded, type Phase, presload } from './presload';
import { Ours } from './target';

const times = Number(process.argv[2] ?? 3);
/** `publish-refresh`: nothing but requests that carry something on. */
const workload = process.argv[3] ?? 'publish-initial';
const seconds = 8;
/** ms between two OPTIONS; none is sent again. */
const every = 20;
/** ms after which a client would send it again (RFC 3261, T1). */
const atOnce = 500;

async function run(): Promise<void> {
  // Once for what it can do, and once for what it does then: what it has stored must not count.
  const able = (await measured(['--window', '64', '--presentities', '20000', '--seconds', '5'])).phase.ops_s;
  const rate = Math.round(able * times);
  // Each initial publication is another presentity's.
  const presentities = workload === 'publish-initial' ? rate * seconds : 20_000;
  const offered = ['--rate', String(rate), '--presentities', String(presentities), '--seconds', String(seconds)];
  const { phase, options } = await measured(offered);
  const part = (count: unknown) => `${((100 * Number(count ?? 0)) / phase.ops).toFixed(1)} %`;
  console.log(`closed loop ${Math.round(able)}/s; offered ${rate}/s for ${seconds} s`);
  console.log(
    `200: ${Math.round(phase.ok / seconds)}/s, ${part(phase.ok)}; 503: ${part(phase.code_503)}; no answer: ${part(Number(phase.unanswered ?? 0) + Number(phase.timeouts ?? 0))}; sent again ${phase.retransmits}`,
  );
  const answered = options.filter((ms) => ms < atOnce).sort((a, b) => a - b);
  const quantile = (q: number) => Math.round(answered[Math.floor(q * answered.length)] ?? Number.NaN);
  console.log(
    `OPTIONS: ${options.length} sent once, ${((100 * answered.length) / options.length).toFixed(1)} % answered within ${atOnce} ms, median ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  );
}

async function measured(args: readonly string[]): Promise<{ phase: Phase; options: number[] }> {
  const server = await Ours.start();
  try {
    const asking = ask(server);
    const phase = (await presload(server, [workload, ...args])).at(-1);
    if (phase === undefined) throw new Error('presload said nothing');
    return { phase, options: await asking(phase.seconds) };
  } finally {
    await server.stop();
  }
}

/** Asks until the result is called, which has the ms of each answer in the seconds of the load; Infinity: none. */
function ask({ port }: Loaded): (load: number) => Promise<number[]> {
  const socket = createSocket('udp4');
  const sent: number[] = [];
  const took: number[] = [];
  socket.on('message', (bytes) => {
    const number = Number(/;branch=z9hG4bKo(\d+)/.exec(bytes.toString('latin1'))?.[1]);
    took[number] = performance.now() - (sent[number] ?? 0);
  });
  const timer = setInterval(() => {
    const number = sent.push(performance.now()) - 1;
    took.push(Number.POSITIVE_INFINITY);
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bKo${number};rport`;
    const head = ['OPTIONS sip:localhost SIP/2.0', via, 'Max-Forwards: 70', 'From: <sip:probe@localhost>;tag=o'];
    const rest = ['To: <sip:localhost>', `Call-ID: o${number}`, 'CSeq: 1 OPTIONS', 'Content-Length: 0'];
    socket.send(`${[...head, ...rest].join('\r\n')}\r\n\r\n`, port, '127.0.0.1');
  }, every);
  socket.bind(0, '127.0.0.1');
  return async (load) => {
    clearInterval(timer);
    await after(1000);
    socket.close();
    return took.slice(-Math.floor((load * 1000) / every));
  };
}

void alone(run);
