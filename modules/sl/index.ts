// Owns the module sl: answers that leave nothing behind, so that a retransmitted request is answered anew.
import { defineModule, RollcallError, type RoutedRequest } from '../../core/api';
import { params } from './params';

export default defineModule({
  name: 'sl',
  summary: 'Stateless replies: the server keeps nothing about the request.',
  params,
  setup: () => ({
    functions: {
      sl_send_reply: {
        summary:
          'Answers the request and keeps nothing: a retransmission runs the route again. False when it was answered before.',
        args: [
          { name: 'req', type: 'request' },
          { name: 'code', type: 'number', doc: 'status code, 100 to 699' },
          { name: 'reason', type: 'string', doc: 'reason phrase' },
        ],
        returns: 'boolean',
        waits: true,
        call: (req, code, reason) => sendReply(req as RoutedRequest, code as number, reason as string),
      },
      sl_reply_error: {
        summary: 'Answers 500 Server Internal Error statelessly. False when the request was answered before.',
        args: [{ name: 'req', type: 'request' }],
        returns: 'boolean',
        waits: true,
        call: (req) => sendReply(req as RoutedRequest, 500, 'Server Internal Error'),
      },
    },
  }),
});

/** @throws RollcallError when the code is not one of SIP */
function sendReply(req: RoutedRequest, code: number, reason: string): boolean {
  if (!Number.isInteger(code) || code < 100 || code > 699) {
    throw new RollcallError(`code must be an integer from 100 to 699, not ${code}`);
  }
  return req.reply(code, reason, { stateless: true });
}
