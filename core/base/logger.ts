// Owns the logger's shape: text plus fields, a level per module.

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Writes one line: `log.info({ callId }, 'text')` or `log.info('text')`. */
export interface LogMethod {
  (fields: object, text: string): void;
  (text: string): void;
}

/** A logger that already knows who is speaking. */
export interface Logger {
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** Whether a line of this level would be written: ask before building costly fields. */
  isLevelEnabled(level: LogLevel): boolean;
}

const ignore: LogMethod = () => {};

/** Says nothing: for tests and for code that has no logger yet. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  isLevelEnabled: () => false,
};
