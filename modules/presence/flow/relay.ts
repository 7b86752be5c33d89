// Owns the last hop of NOTIFYs from other nodes: down the connection that a signed route names, and the answer back (RFC 5626 §5.3).
import {
  buildReply,
  type ClientOutcome,
  type ServerTransaction,
  type SipServices,
  splitCommas,
} from '../../../core/api';
import type { FlowRoutes } from './routes';

export class Relay {
  constructor(
    private readonly routes: FlowRoutes,
    private readonly sip: SipServices,
  ) {}

  /** Passes a request on if a node of ours has sent it this way. @returns false when it is not one of these */
  take(transaction: ServerTransaction): boolean {
    const { request } = transaction;
    if (request.method !== 'NOTIFY' || request.header('Route') === undefined) return false;
    const key = this.routes.asked(request);
    if (key === undefined) return false;
    const flow = this.sip.transports.findFlow(key);
    const hops = request.maxForwards ?? 70;
    if (!flow?.open) answer(transaction, 430, 'Flow Failed');
    else if (hops === 0) answer(transaction, 483, 'Too Many Hops');
    else {
      const others = request.headers('Route').flatMap(splitCommas).slice(1);
      request.removeHeader('Route');
      if (others.length > 0) request.insertHeader('Route', others.join(', '));
      if (!request.replaceHeader('Max-Forwards', String(hops - 1))) request.insertHeader('Max-Forwards', '70');
      this.sip.transactions.request({
        flow,
        method: 'NOTIFY',
        render: (via) => {
          const { head } = request;
          const line = head.indexOf('\n') + 1;
          const text = `${head.slice(0, line)}Via: ${via}\r\n${head.slice(line)}\r\n`;
          return Buffer.concat([Buffer.from(text, 'latin1'), request.body]);
        },
        onFinal: (outcome) => passBack(transaction, outcome),
      });
    }
    return true;
  }
}

function passBack(transaction: ServerTransaction, { response, failure }: ClientOutcome): void {
  if (!response) {
    if (failure === 'timeout') answer(transaction, 408, 'Request Timeout');
    else answer(transaction, 430, 'Flow Failed');
    return;
  }
  // RFC 3261 §16.7: without the Via that is ours, else as it came.
  const vias = response.headers('Via').flatMap(splitCommas).slice(1);
  response.removeHeader('Via');
  response.insertHeader('Via', vias.join(', '));
  const bytes = Buffer.concat([Buffer.from(`${response.head}\r\n`, 'latin1'), response.body]);
  transaction.respond(bytes, response.status, true);
}

function answer(transaction: ServerTransaction, status: number, reason: string): void {
  transaction.respond(buildReply(transaction.request, status, reason), status, true);
}
