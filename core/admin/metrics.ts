// Owns the metrics of the core: what the SIP floor, the script and the process count anyway, under the names operators see.
import type { Metrics, Sample } from '../base/metrics';
import { formatListen } from '../config/listen';
import type { MethodCounts } from '../sip/transaction/counts';
import type { Running } from './running';

/** Registers them. They are read from where they are kept: nothing is added to the way of a message. */
export function measureCore(running: Running): void {
  const { metrics } = running.host;
  const core = metrics.view('core');
  scriptMetrics(core, running);
  core.show();
  const sip = metrics.view('sip');
  messageMetrics(sip, running);
  transactionMetrics(sip, running);
  overloadMetrics(sip, running);
  sip.show();
}

function scriptMetrics(metrics: Metrics, running: Running): void {
  metrics.observed(
    { name: 'script_runs', help: 'Runs of the routing script that have not ended.', type: 'gauge' },
    () => running.runner.inFlight,
  );
  metrics.observed({ name: 'modules', help: 'Loaded modules.', type: 'gauge' }, () => running.host.modules.length);
}

function messageMetrics(metrics: Metrics, { sip }: Running): void {
  const { transports, transactions } = sip;
  metrics.observed(
    { name: 'requests_total', help: 'Requests received, each once.', labels: ['method'], type: 'counter' },
    () => requestsOf(transactions.served),
  );
  metrics.observed(
    { name: 'replies_total', help: 'Final answers sent.', labels: ['method', 'code'], type: 'counter' },
    () => answersOf(transactions.served),
  );
  metrics.observed(
    { name: 'sent_requests_total', help: 'Requests sent, each once.', labels: ['method'], type: 'counter' },
    () => requestsOf(transactions.asked),
  );
  metrics.observed(
    { name: 'received_replies_total', help: 'Final answers received.', labels: ['method', 'code'], type: 'counter' },
    () => answersOf(transactions.asked),
  );
  const labels = ['what'];
  metrics.observed(
    { name: 'messages_total', help: 'Messages on the wire, retransmissions included.', labels, type: 'counter' },
    () => {
      const { received, sent, noise, bad, sendFailures } = transports.stats;
      return samples({ received, sent, keep_alive: noise, bad, send_failure: sendFailures });
    },
  );
  metrics.observed(
    { name: 'connections', help: 'Connections open.', type: 'gauge' },
    () => transports.stats.connections,
  );
  metrics.observed(
    { name: 'closed_connections_total', help: 'Connections closed by a limit.', labels, type: 'counter' },
    () => samples({ refused: transports.stats.refused, dropped: transports.stats.dropped }),
  );
}

function transactionMetrics(metrics: Metrics, { sip }: Running): void {
  const { transactions, wheel } = sip;
  const labels = ['what'];
  metrics.observed(
    {
      name: 'transactions',
      help: 'Transactions: at work, kept for retransmissions, waiting for an answer.',
      labels,
      type: 'gauge',
    },
    () => {
      const { working, kept, pending } = transactions.stats;
      return samples({ working, kept, pending });
    },
  );
  metrics.observed(
    {
      name: 'retransmissions_total',
      help: 'Requests that came again, and requests sent again.',
      labels,
      type: 'counter',
    },
    () => samples({ received: transactions.stats.retransmissions, sent: transactions.stats.sent.retransmissions }),
  );
  metrics.observed(
    { name: 'failed_requests_total', help: 'Requests sent that got no answer.', labels, type: 'counter' },
    () => samples({ timeout: transactions.stats.sent.timeouts, transport: transactions.stats.sent.failures }),
  );
  metrics.observed(
    { name: 'stray_replies_total', help: 'Answers to nothing that was asked.', type: 'counter' },
    () => transactions.stats.strayResponses,
  );
  metrics.observed({ name: 'timers', help: 'Timers that wait.', type: 'gauge' }, () => wheel.size);
}

function overloadMetrics(metrics: Metrics, { sip }: Running): void {
  const { overload } = sip.transactions;
  metrics.observed(
    {
      name: 'overload_refusals_total',
      help: 'Requests answered 503 for overload.',
      labels: ['what'],
      type: 'counter',
    },
    () => samples(overload.refused),
  );
  const labels = ['socket'];
  const backlogs = (pick: 'bytes' | 'dropped') =>
    sip.transports.backlogs().map(({ point, backlog }) => ({ labels: [formatListen(point)], value: backlog[pick] }));
  metrics.observed(
    { name: 'receive_buffer_bytes', help: 'What waits in the kernel for a UDP socket.', labels, type: 'gauge' },
    () => backlogs('bytes'),
  );
  metrics.observed(
    { name: 'receive_buffer_drops_total', help: 'Datagrams that found no room there.', labels, type: 'counter' },
    () => backlogs('dropped'),
  );
}

function samples(values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([label, value]) => ({ labels: [label], value }));
}

function requestsOf(counts: MethodCounts): Sample[] {
  return [...counts.requests()].map(({ method, count }) => ({ labels: [method], value: count }));
}

function answersOf(counts: MethodCounts): Sample[] {
  return [...counts.answers()].map(({ method, status, count }) => ({ labels: [method, String(status)], value: count }));
}
