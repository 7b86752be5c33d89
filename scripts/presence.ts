// The routing of a presence server: every request comes through request_route, which has to answer it.
import { mf_process_maxfwd_header } from 'maxfwd';
import { handle_publish, handle_subscribe } from 'presence';
import type { Request } from 'rollcall';
import { sanity_check } from 'sanity';
import { sl_send_reply } from 'sl';
import { append_to_reply } from 'textops';

export async function request_route(req: Request) {
  // A server that is open to the internet asks pike first. It is not asked here, because it counts by address: phones behind
  // one NAT, a proxy in front of this server or a load test would be taken for a flood until its limits fit them.

  // A request that goes round in a circle of proxies ends here.
  if (!mf_process_maxfwd_header(req, 10)) return sl_send_reply(req, 483, 'Too Many Hops');

  // When this is false the request was broken and has been answered: what comes behind it need not look again.
  if (!sanity_check(req)) return false;

  switch (req.method) {
    case 'PUBLISH':
      return handle_publish(req);
    case 'SUBSCRIBE':
      return handle_subscribe(req);
    case 'OPTIONS':
      // Clients and load balancers ask in this way whether the server is there.
      return sl_send_reply(req, 200, 'OK');
    default:
      // RFC 3261 §8.2.1 wants a 405 to say what is allowed.
      append_to_reply(req, 'Allow: PUBLISH, SUBSCRIBE, OPTIONS\r\n');
      return sl_send_reply(req, 405, 'Method Not Allowed');
  }
}
