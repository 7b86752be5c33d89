// Owns the module rr: Route headers that name this server, and its place in the route of dialogs (RFC 3261 §12, §16.4).
import { defineModule, type RoutedRequest } from '../../core/api';
import { params } from './params';
import { takeOwnRoutes } from './route';

/** Methods that make a dialog. */
const dialogMethods = new Set(['SUBSCRIBE', 'INVITE', 'REFER']);

export default defineModule({
  name: 'rr',
  summary: 'Record-Route and loose routing: requests inside a dialog come back through this server.',
  params,
  setup(ctx, initial) {
    let current = initial;
    let aliases = namesOf(initial.alias);
    const { transports } = ctx.sip;
    return {
      functions: {
        loose_route: {
          summary:
            'Takes Route headers that name this server off the request. True when there was one, and the request is inside a dialog or has routes left.',
          args: [{ name: 'req', type: 'request' }],
          returns: 'boolean',
          waits: false,
          call(req) {
            const { message, flow } = req as RoutedRequest;
            return takeOwnRoutes(message, flow, { points: transports.points, aliases });
          },
        },
        record_route: {
          summary:
            'Adds a Record-Route that names the receiving socket to the answer. False when the request makes no dialog.',
          args: [{ name: 'req', type: 'request' }],
          returns: 'boolean',
          waits: false,
          call(req) {
            const request = req as RoutedRequest;
            const { message, flow } = request;
            // Inside a dialog the route set stays as it is (RFC 3261 §12.2).
            if (!dialogMethods.has(message.method) || message.toTag !== undefined) return false;
            const transport = flow.protocol === 'udp' ? '' : `;transport=${flow.protocol}`;
            const lr = current.enableFullLr ? ';lr=on' : ';lr';
            request.replyHeaders += `Record-Route: <sip:${transports.sentBy(flow)}${transport}${lr}>\r\n`;
            return true;
          },
        },
      },
      configure(changed) {
        current = changed;
        aliases = namesOf(changed.alias);
      },
    };
  },
});

function namesOf(list: string): Set<string> {
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => name !== ''));
}
