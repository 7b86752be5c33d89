// Owns the module xlog: lines that the script writes into the server's log, with values of the request in them.
import { defineModule, type LogLevel, RollcallError, type RoutedRequest } from '../../core/api';
import { params } from './params';
import { expand, readFormat } from './variables';

/** Kamailio's levels, and the server's own. */
const levels: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>([
  ['L_ALERT', 'fatal'],
  ['L_BUG', 'fatal'],
  ['L_CRIT', 'fatal'],
  ['L_ERR', 'error'],
  ['L_WARN', 'warn'],
  ['L_NOTICE', 'info'],
  ['L_INFO', 'info'],
  ['L_DBG', 'debug'],
]);

/** Texts that were taken apart already. A script has few, unless it makes them up: then the oldest goes. */
const maxFormats = 256;

export default defineModule({
  name: 'xlog',
  summary: "Writes lines with pseudo-variables into the server's log.",
  params,
  setup(ctx, initial) {
    let current = initial;
    const formats = new Map<string, ReturnType<typeof readFormat>>();
    const formatOf = (text: string) => {
      let pieces = formats.get(text);
      if (pieces === undefined) {
        const [oldest] = formats.size >= maxFormats ? formats.keys() : [];
        if (oldest !== undefined) formats.delete(oldest);
        pieces = readFormat(text);
        formats.set(text, pieces);
      }
      return pieces;
    };
    return {
      functions: {
        xlog: {
          summary: 'Writes one line. Without a request the variables are those of the one the route is working on.',
          args: [
            { name: 'req', type: 'request', optional: true },
            { name: 'level', type: 'string', doc: 'L_ERR, L_WARN, L_NOTICE, L_INFO, L_DBG' },
            { name: 'text', type: 'string', doc: "with pseudo-variables: '$rm from $si: $ru'" },
          ],
          returns: 'void',
          waits: false,
          call(req, name, text) {
            const request = req as RoutedRequest | undefined;
            const level = levels.get(name as string);
            if (level === undefined) {
              throw new RollcallError(`level must be one of ${[...levels.keys()].join(', ')}, not ${name}`);
            }
            if (!ctx.log.isLevelEnabled(level)) return;
            const line = current.prefix + expand(formatOf(text as string), { request, clock: ctx.clock });
            const callId = request?.message.header('Call-ID');
            ctx.log[level](callId === undefined ? {} : { callId }, line.slice(0, current.bufSize));
          },
        },
      },
      configure(changed) {
        current = changed;
      },
    };
  },
});
