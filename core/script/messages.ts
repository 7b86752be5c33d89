// Owns what the sandbox asks about messages: properties, headers and AVPs of the request or the reply of a run.
import { RollcallError } from '../base/errors';
import { decodeUtf8 } from '../sip/text';
import { type Plain, replyFields, requestFields } from './fields';
import type { Outside } from './inside/border';
import type { Tray } from './inside/tray';
import type { Run } from './run';

/** The server's side of the border, as far as it is needed here. */
interface Counter {
  take(): Plain | undefined;
  /** For what the sandbox is to take. */
  tray(): Tray;
  /** Takes the number of a run. */
  takeRun(): Run | undefined;
  /** Lays the error out for the sandbox to throw. */
  fail(error: unknown, run?: Run): undefined;
}

/** The functions of `Outside` that are about messages. */
export function messageDesk(counter: Counter): Pick<Outside, 'field' | 'header' | 'headers' | 'avp' | 'setAvp'> {
  const { takeRun, take } = counter;
  return {
    field() {
      const run = takeRun();
      const part = take();
      const field = (part === 1 ? replyFields : requestFields)[Number(take())];
      const readable = run?.part(part);
      if (readable === undefined || field === undefined) {
        return counter.fail(new RollcallError('there is no such message'));
      }
      try {
        return field.read(readable) ?? null;
      } catch (error) {
        return counter.fail(error, run);
      }
    },
    header() {
      const message = takeRun()?.part(take())?.message;
      const value = message?.header(String(take()));
      return value === undefined ? null : decodeUtf8(value);
    },
    headers() {
      const message = takeRun()?.part(take())?.message;
      const values = message?.headers(String(take())) ?? [];
      const tray = counter.tray();
      tray.clear();
      for (const value of values) tray.add(decodeUtf8(value));
      return values.length;
    },
    avp() {
      return takeRun()?.subject.routed?.avps.get(String(take())) ?? null;
    },
    setAvp() {
      const avps = takeRun()?.subject.routed?.avps;
      const id = String(take());
      const value = take();
      if (typeof value === 'string' || typeof value === 'number') avps?.set(id, value);
      return null;
    },
  };
}
