// Owns modules whose functions tests call: set up in a real host, given real requests, their answers and log at hand.
import assert from 'node:assert/strict';
import { silentLogger } from '../../core/base/logger';
import type { ParamValue } from '../../core/base/params';
import { systemRandom } from '../../core/base/random';
import type { ModuleDefinition } from '../../core/module/define';
import { TransactionRequest } from '../../core/script/routed-request';
import { parseMessage, type SipRequest } from '../../core/sip/message';
import type { Flow } from '../../core/sip/transport/flow';
import { openHost, type TestHost } from './modules';

/** Where the requests of a test come from, and where they arrive. */
export function flowFrom(address = '192.0.2.1', local = '127.0.0.1'): Flow {
  return {
    protocol: 'udp',
    local: { address: local, port: 5060 },
    remote: { address, port: 5070 },
    open: true,
    key: `udp:${local}:5060>${address}:5070`,
    send: () => {},
  };
}

/** A request with its answers. */
export class Call {
  readonly answers: string[] = [];
  readonly kept: boolean[] = [];
  readonly routed: TransactionRequest;

  constructor(
    readonly message: SipRequest,
    flow = flowFrom(),
  ) {
    const respond = (bytes: Buffer, _status: number, keep: boolean) => {
      this.answers.push(bytes.toString());
      this.kept.push(keep);
    };
    const kit = { random: systemRandom(), secret: 'key', log: silentLogger };
    this.routed = new TransactionRequest({ request: message, flow, answered: false, respond }, kit);
  }

  /** The status line of the last answer. */
  get status(): string | undefined {
    return this.answers.at(-1)?.split('\r\n', 1)[0]?.slice('SIP/2.0 '.length);
  }
}

let requests = 0;

/** A request; `lines` replace, add or (undefined) leave out headers. */
export function call(
  startLine = 'PUBLISH sip:alice@example.com SIP/2.0',
  lines: Readonly<Record<string, string | undefined>> = {},
  body = '',
  flow = flowFrom(),
): Call {
  requests++;
  const headers: Record<string, string | undefined> = {
    Via: `SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK${requests}`,
    From: '"Alice" <sip:alice@example.com>;tag=f1',
    To: '<sip:alice@example.com>',
    'Call-ID': `call-${requests}`,
    CSeq: `1 ${startLine.split(' ', 1)[0]}`,
    'Max-Forwards': '70',
    ...lines,
  };
  const head = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  const parsed = parseMessage(Buffer.from(`${startLine}\r\n${head.join('')}\r\n${body}`));
  const message = parsed.kind === 'request' ? parsed.message : parsed.kind === 'bad' ? parsed.replyTo : undefined;
  assert.ok(message);
  return new Call(message, flow);
}

/** A module that is set up. */
export interface OpenModule extends TestHost {
  /** Calls one of its functions. */
  invoke(name: string, ...args: unknown[]): unknown;
}

export async function openModule(
  definition: ModuleDefinition,
  values: Readonly<Record<string, ParamValue>> = {},
): Promise<OpenModule> {
  const test = openHost();
  await test.host.setUp({ definition, values: new Map(Object.entries(values)) });
  const invoke = (name: string, ...args: unknown[]) => {
    const declared = test.host.functions.get(definition.name)?.[name];
    assert.ok(declared, `the module has no function ${name}`);
    return declared.call(...args);
  };
  return { ...test, invoke };
}
