// Owns a million subscriptions to 100,000 presentities: what an operation costs beside a thousand, and how soon a restart answers.
import { createSocket } from 'node:dgram';
import { type Phase, presload } from '../presload';
import type { Ours } from '../target';
import { type Finding, withOurs } from './finding';

const watchers = '10';
const few = '100';
const many = '100000';
const watched = ['publish-modify', 'fanout', 'refresh', 'mixed'];

export async function million(): Promise<Finding[]> {
  const small = await withOurs((server) => suite(server, few));
  return withOurs(async (server) => {
    const large = await suite(server, many);
    const growths = watched.map((name) => {
      const [before, after] = [small, large].map((phases) => phases.find(({ phase }) => phase === name));
      const cost = ({ cpu_server_us_op }: Phase = {} as Phase) => cpu_server_us_op ?? Number.NaN;
      return {
        what: `CPU of ${name}, a million subscriptions over a thousand`,
        value: cost(after) / cost(before),
        unit: '×',
        goal: 1.15,
        details: `${cost(before)} and ${cost(after)} µs, longest answer ${after?.req_ms?.max} ms`,
      };
    });
    await server.kill();
    const restart = await firstAnswer(server);
    const what = 'start to the first answer with a million subscriptions stored';
    return [...growths, { what, value: restart / 1000, unit: 's', goal: 2 }];
  });
}

function suite(server: Ours, presentities: string): Promise<Phase[]> {
  return presload(server, ['suite', '--presentities', presentities, '--watchers', watchers, '--seconds', '15']);
}

/** ms from the start of the process to its answer to a SUBSCRIBE that has to be read from disk and stored. */
async function firstAnswer(server: Ours): Promise<number> {
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const answered = new Promise<void>((resolve, reject) => {
      socket.on('message', (bytes) => {
        const status = /^SIP\/2.0 (\d+)/.exec(bytes.toString('latin1'))?.[1];
        if (status?.startsWith('2')) resolve();
        else if (status !== undefined) reject(new Error(`the first SUBSCRIBE was answered ${status}`));
      });
    });
    const began = performance.now();
    const started = server.start();
    const asking = setInterval(() => socket.send(request(port), server.port, '127.0.0.1'), 5);
    try {
      await Promise.all([started, answered]);
      return performance.now() - began;
    } finally {
      clearInterval(asking);
    }
  } finally {
    socket.close();
  }
}

function request(port: number): string {
  const uri = 'sip:p77@bench.example';
  const lines = [
    `SUBSCRIBE ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bKfirst;rport`,
    'Max-Forwards: 70',
    `From: <sip:first@bench.example>;tag=first`,
    `To: <${uri}>`,
    'Call-ID: first@bench',
    'CSeq: 1 SUBSCRIBE',
    `Contact: <sip:first@127.0.0.1:${port}>`,
    'Event: presence',
    'Expires: 600',
    'Content-Length: 0',
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
