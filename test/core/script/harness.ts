// Owns scripts under test: files in a folder of their own, functions that record their calls, requests, answers and the log.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Logger, LogLevel } from '../../../core/base/logger';
import { formatProblem } from '../../../core/base/problem';
import { systemRandom } from '../../../core/base/random';
import { TimerWheel } from '../../../core/base/wheel';
import type { ScriptFunction } from '../../../core/module/function';
import type { RoutedRequest } from '../../../core/module/request';
import { compileScript } from '../../../core/script/load';
import { ScriptRunner } from '../../../core/script/runner';
import type { Script } from '../../../core/script/script';
import { parseMessage, type SipRequest, type SipResponse } from '../../../core/sip/message';
import { decodeUtf8 } from '../../../core/sip/text';
import type { ServerTransaction } from '../../../core/sip/transaction/layer';
import type { Flow } from '../../../core/sip/transport/flow';
import { ManualClock } from '../../support/clock';

export type Functions = Map<string, Record<string, ScriptFunction>>;
export type Files = Readonly<Record<string, string>>;

export const flow: Flow = {
  protocol: 'udp',
  local: { address: '127.0.0.1', port: 5060 },
  remote: { address: '192.0.2.1', port: 5070 },
  open: true,
  key: 'udp:127.0.0.1:5060>192.0.2.1:5070',
  send: () => {},
};

export const req = { name: 'req', type: 'request' } as const;

/** A function of a module, as short as can be. */
export function fn(
  args: ScriptFunction['args'],
  call: (...args: never[]) => unknown,
  more: Partial<ScriptFunction> = {},
): ScriptFunction {
  return { summary: '', returns: 'boolean', waits: false, ...more, args, call: call as ScriptFunction['call'] };
}

/** The module `m` with `answer`, `wait`, `note` and `current`, and what they recorded. */
export class Fixture {
  readonly noted: string[] = [];
  /** Settles what waits under a name. */
  readonly waiting = new Map<string, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  readonly functions: Functions = new Map([
    [
      'm',
      {
        answer: fn(
          [req, { name: 'code', type: 'number', optional: true }],
          (request: RoutedRequest, code?: number) => request.reply(code ?? 200, 'Answered'),
          { waits: true },
        ),
        wait: fn(
          [{ name: 'name', type: 'string' }],
          (name: string) => new Promise((resolve, reject) => this.waiting.set(name, { resolve, reject })),
          { waits: true, returns: 'string' },
        ),
        note: fn([{ name: 'text', type: 'string' }], (text: string) => void this.noted.push(decodeUtf8(text)), {
          returns: 'void',
        }),
        current: fn(
          [
            { ...req, optional: true },
            { name: 'text', type: 'string' },
          ],
          (request: RoutedRequest | undefined, text: string) => {
            this.noted.push(`${text}: ${request?.message.callId ?? 'none'}`);
          },
          { returns: 'void' },
        ),
      },
    ],
  ]);
}

/** Writes files, the main one as `main.ts`, into a folder that the test removes. */
export function writeFiles(t: TestContext, files: Files | string): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rollcall-script-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(typeof files === 'string' ? { 'main.ts': files } : files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
  readonly callId: unknown;
}

function recorder(lines: LogLine[], folder: string): Logger {
  const write = (level: LogLevel) => (first: object | string, second?: string) => {
    const text = (typeof first === 'string' ? first : (second ?? '')).replaceAll(`${folder}/`, '');
    lines.push({ level, text, callId: typeof first === 'string' ? undefined : Reflect.get(first, 'callId') });
  };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    isLevelEnabled: () => true,
  };
}

/** The problems of a script, `file:line:column: message` with the folder left out. */
export async function problemsOf(t: TestContext, files: Files | string, functions?: Functions): Promise<string[]> {
  const folder = writeFiles(t, files);
  const result = await compileScript(join(folder, 'main.ts'), functions ?? new Fixture().functions, {
    log: recorder([], folder),
    knownModules: ['m', 'pike'],
    maxWhileLoops: 1000,
  });
  return (result.problems ?? []).map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
}

/** An answer that was sent. */
export interface Answer {
  readonly text: string;
  readonly status: number;
  readonly kept: boolean;
}

export class RunningScript {
  readonly log: LogLine[] = [];
  readonly clock = new ManualClock();
  runner: ScriptRunner;

  private constructor(
    readonly fixture: Fixture,
    readonly folder: string,
    script: Script,
    log: LogLine[],
  ) {
    this.log = log;
    const wheel = new TimerWheel(this.clock);
    this.clock.onTick(() => wheel.advance());
    this.runner = new ScriptRunner(script, {
      log: recorder(log, folder),
      clock: this.clock,
      wheel,
      random: systemRandom(),
      scriptTimeout: 30,
    });
  }

  static async open(t: TestContext, files: Files | string, fixture = new Fixture()): Promise<RunningScript> {
    const folder = writeFiles(t, files);
    const log: LogLine[] = [];
    return new RunningScript(fixture, folder, await RunningScript.compile(folder, fixture, log), log);
  }

  static async compile(folder: string, fixture: Fixture, log: LogLine[], name = 'main.ts'): Promise<Script> {
    const options = { log: recorder(log, folder), knownModules: [], maxWhileLoops: 1000 };
    const { script, problems } = await compileScript(join(folder, name), fixture.functions, options);
    assert.ok(script, JSON.stringify(problems));
    return script;
  }

  /** Starts a request on its way. The answers come into the list that is returned. */
  start(request: SipRequest): Answer[] {
    const answers: Answer[] = [];
    const transaction: ServerTransaction = {
      request,
      flow,
      get answered() {
        return answers.length > 0;
      },
      respond: (bytes, status, kept) => void answers.push({ text: bytes.toString('latin1'), status, kept }),
    };
    this.runner.run(transaction);
    return answers;
  }

  /** The status of the one answer, once everything that can go on has done so. */
  async status(request: SipRequest): Promise<number> {
    const answers = this.start(request);
    await settle();
    assert.equal(answers.length, 1, 'one answer');
    return answers[0]?.status ?? 0;
  }

  /** Texts logged at error. */
  get errors(): string[] {
    return this.log.filter(({ level }) => level === 'error').map(({ text }) => text);
  }
}

/** Lets every promise and `setImmediate` that is ready go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

let requests = 0;

/** A request; `lines` replace or add headers. */
export function request(
  method = 'PUBLISH',
  lines: Readonly<Record<string, string | undefined>> = {},
  body = '',
): SipRequest {
  requests++;
  const headers: Record<string, string | undefined> = {
    Via: `SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK${requests}`,
    From: '<sip:alice@example.com>;tag=f1',
    To: '<sip:alice@example.com>',
    'Call-ID': `call-${requests}`,
    CSeq: `1 ${method}`,
    'Max-Forwards': '70',
    ...lines,
  };
  const head = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  const text = `${method} sip:alice@example.com SIP/2.0\r\n${head.join('')}\r\n${body}`;
  const parsed = parseMessage(Buffer.from(text, 'utf8'));
  const message = parsed.kind === 'request' ? parsed.message : parsed.kind === 'bad' ? parsed.replyTo : undefined;
  assert.ok(message);
  return message;
}

export function response(status: number, reason: string): SipResponse {
  const parsed = parseMessage(
    Buffer.from(
      `SIP/2.0 ${status} ${reason}\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKn\r\nFrom: <sip:a@example.com>;tag=1\r\n` +
        'To: <sip:b@example.com>;tag=2\r\nCall-ID: notify-1\r\nCSeq: 7 NOTIFY\r\nRetry-After: 9\r\n\r\n',
    ),
  );
  assert.equal(parsed.kind, 'response');
  if (parsed.kind !== 'response') throw new Error('not a response');
  return parsed.message;
}
