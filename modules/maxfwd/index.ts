// Owns the module maxfwd: the count of hops that a request may still make (RFC 3261 §8.1.1.6, §16.3, §16.6).
import { defineModule, RollcallError, type RoutedRequest, type SipRequest } from '../../core/api';
import { params } from './params';

export default defineModule({
  name: 'maxfwd',
  summary: 'Max-Forwards: refuses what has made too many hops, and takes one off the rest.',
  params,
  setup(_ctx, initial) {
    let current = initial;
    return {
      functions: {
        mf_process_maxfwd_header: {
          summary:
            'Takes one off Max-Forwards, or adds the header when there is none. False when no hop is left: answer 483 then.',
          args: [
            { name: 'req', type: 'request' },
            { name: 'max_value', type: 'number', doc: 'hops granted to a request without the header, 1 to 255' },
          ],
          returns: 'boolean',
          waits: false,
          call: (req, max) =>
            processHops((req as RoutedRequest).message, hops('max_value', max as number), current.maxLimit),
        },
        is_maxfwd_lt: {
          summary: 'Whether Max-Forwards is there and below a value.',
          args: [
            { name: 'req', type: 'request' },
            { name: 'max_value', type: 'number' },
          ],
          returns: 'boolean',
          waits: false,
          call: (req, max) => ((req as RoutedRequest).message.maxForwards ?? 256) < (max as number),
        },
      },
      configure(changed) {
        current = changed;
      },
    };
  },
});

/** @throws SipError 400 when the header cannot be read */
function processHops(message: SipRequest, whenMissing: number, limit: number): boolean {
  const left = message.maxForwards;
  if (left === 0) return false;
  if (left === undefined) message.insertHeader('Max-Forwards', String(whenMissing));
  else message.replaceHeader('Max-Forwards', String(Math.min(left - 1, limit)));
  return true;
}

function hops(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 255) return value;
  throw new RollcallError(`${name} must be an integer from 1 to 255, not ${value}`);
}
