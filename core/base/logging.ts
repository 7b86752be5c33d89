// Owns the writing of log lines: pino to stderr, as text or JSON, repeated warnings counted, levels changeable while it runs.
import pino from 'pino';
import { prettyFactory } from 'pino-pretty';
import { type Clock, systemClock } from './clock';
import type { Logger } from './logger';
import { RepeatFilter } from './repeats';

/** What an operator may set as a level; `silent` writes nothing. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogThreshold = (typeof logLevels)[number];

export interface LoggingOptions {
  readonly level: LogThreshold;
  readonly format: 'text' | 'json';
  /** Takes each line with its line feed; stderr when not given. */
  readonly write?: (line: string) => void;
  readonly clock?: Clock;
}

/** All loggers of one server. */
export interface Logging {
  /** The logger of this name, the same one each time. */
  named(name: string): Logger;
  /** The level of each logger there is, by its name. */
  readonly levels: ReadonlyMap<string, string>;
  /** Changes the level of one logger, or of all of them and of those to come. */
  setLevel(level: LogThreshold, name?: string): void;
  /** Writes what is counted or buffered, now: call it before the process ends. */
  close(): void;
}

/** Lines that nobody reads are dropped beyond this many bytes, so that a stuck reader of stderr cannot eat the memory. */
const maxBuffered = 4 * 1024 * 1024;
/** pino's number for `warn`. */
const warnLevel = 40;
/** How often counted repeats are summed up, in ms. */
const sumEvery = 1000;

interface Speaker {
  readonly logger: pino.Logger;
  readonly write: pino.LogFn;
  readonly text: string;
}

/** Fields that are never written, should somebody log an object that has them. */
const secrets = [
  'password',
  'token',
  'secret',
  'authorization',
  '*.password',
  '*.token',
  '*.secret',
  '*.authorization',
];

/**
 * What is written of an error. A library adds whatever it likes to its errors, the statement with the values of a client among
 * it: only what is known to be harmless passes.
 */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = pino.stdSerializers.err(error);
  const { code } = error as NodeJS.ErrnoException;
  return { type, message, stack, ...(code === undefined ? {} : { code }) };
}

/** Opens the log. The root line fields are `level`, `time`, `module`, `msg` and what the caller adds. */
export function createLogging(options: LoggingOptions): Logging {
  const stderr =
    options.write === undefined ? pino.destination({ dest: 2, sync: false, maxLength: maxBuffered }) : undefined;
  const write = options.write ?? ((line: string) => stderr?.write(line));
  const repeats = new RepeatFilter<Speaker>(options.clock ?? systemClock);
  const children = new Map<string, pino.Logger>();
  /** The same the other way round. */
  const names = new Map<object, string>();
  const sumUp = (everything = false) => {
    for (const { who, repeated } of repeats.collect(everything)) {
      who.write.call(who.logger, `${who.text} (repeated ${repeated} more ${repeated === 1 ? 'time' : 'times'})`);
    }
  };
  const root = pino(
    {
      level: options.level,
      base: null,
      serializers: { err: errorFields },
      redact: { paths: secrets, censor: 'hidden' },
      hooks: {
        logMethod(args: unknown[], method, level) {
          const text = typeof args[0] === 'string' ? args[0] : args[1];
          // Information is asked for; warnings and errors come as often as somebody outside likes.
          if (level >= warnLevel && typeof text === 'string') {
            const key = `${names.get(this) ?? ''} ${text}`;
            if (!repeats.admit(key, { logger: this, write: method, text })) return;
          }
          method.apply(this, args as Parameters<typeof method>);
        },
      },
    },
    { write: options.format === 'json' ? write : formatted(write) },
  );
  const timer = setInterval(sumUp, sumEvery).unref();
  return {
    named(name) {
      const known = children.get(name);
      if (known !== undefined) return known;
      const child = root.child({ module: name });
      children.set(name, child);
      names.set(child, name);
      return child;
    },
    get levels() {
      return new Map([...children].map(([name, child]) => [name, child.level]));
    },
    setLevel(level, name) {
      if (name !== undefined) {
        const child = children.get(name);
        if (child !== undefined) child.level = level;
        return;
      }
      root.level = level;
      for (const child of children.values()) child.level = level;
    },
    close() {
      clearInterval(timer);
      sumUp(true);
      stderr?.flushSync();
    },
  };
}

/** Formats in this process and thread, so that a line is out before the process that wrote it ends. */
function formatted(write: (line: string) => void): (line: string) => void {
  const format = prettyFactory({
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'module',
    messageFormat: '{if module}{module}: {end}{msg}',
    singleLine: true,
  });
  return (line) => write(format(line));
}
