// Owns `rollcall watch`: subscribes, prints every NOTIFY as words, refreshes, and unsubscribes at Ctrl-C.
import { parseArgs } from 'node:util';
import { systemClock } from '../base/clock';
import {
  granted,
  ownAddress,
  pause,
  readSeconds,
  readTarget,
  readUri,
  refreshAfter,
  sharedOptions,
  type Terminal,
} from './client-target';
import { readPidf, readWatcherinfo } from './pidf';
import { SipClient } from './sip-client';
import { type Ending, type Notification, Subscription } from './subscription';

export const watchUsage = `rollcall watch URI [options]       print the presence of URI as it changes, until Ctrl-C

  --winfo                watch who watches URI instead (presence.winfo)
  --as URI               who watches (you at the same host; with --winfo the presentity)
  --expires SECONDS      how long one subscription lasts (3600); it is refreshed; 0 asks once
  --server HOST:PORT     the server to ask (the URI's host when it is numeric, else 127.0.0.1:5060)
  --transport udp|tcp    (udp)`;

interface Order {
  presentity: string;
  watcher: string;
  winfo: boolean;
  expires: number;
}

// RFC 6665 §4.1.3: after these a new SUBSCRIBE is in order, after rejected, noresource and invariant it is not.
const again = new Set(['deactivated', 'timeout', 'probation', 'giveup', undefined]);
const lastNotifyMs = 5_000;
const retrySeconds = 10;

/** Runs the command; the result is the exit code. */
export async function watch(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...sharedOptions, winfo: { type: 'boolean', default: false }, as: { type: 'string' } },
  });
  const target = await readTarget(positionals, values);
  const presentity = target.uri;
  const self = values.as === undefined ? undefined : readUri(values.as).uri;
  const watcher = self ?? (values.winfo ? presentity : ownAddress(presentity));
  const order = { presentity, watcher, winfo: values.winfo, expires: readSeconds(values.expires, 3600) };
  let current: Subscription | undefined;
  let lost = () => {};
  const client = await SipClient.open({
    ...target,
    onRequest: (request, respond) => {
      if (request.method !== 'NOTIFY') respond(405, 'Method Not Allowed');
      else if (current?.take(request, respond) !== true) respond(481, 'Subscription Does Not Exist');
    },
    onLost: () => lost(),
  });
  const begin = () => {
    current = new Subscription(client, dialogOf(order), (notification) => print(notification, terminal));
    return current;
  };
  const connectionLost = () =>
    new Promise<void>((resolve) => {
      lost = resolve;
    });
  try {
    return await keepWatching(begin, connectionLost, order, terminal);
  } finally {
    client.close();
  }
}

async function keepWatching(
  begin: () => Subscription,
  connectionLost: () => Promise<void>,
  order: Order,
  terminal: Terminal,
): Promise<number> {
  terminal.out(
    `Watching ${order.winfo ? 'the watchers of ' : ''}${order.presentity} as ${order.watcher}. Ctrl-C ends.`,
  );
  for (let first = true; ; first = false) {
    const subscription = begin();
    const outcome = await live(subscription, connectionLost(), order.expires, terminal).catch((error: unknown) => {
      if (first) throw error;
      terminal.err(error instanceof Error ? error.message : String(error));
      return { wait: retrySeconds };
    });
    if ('code' in outcome) return outcome.code;
    if (!(await pause(outcome.wait * 1000, terminal.interrupted))) return 0;
  }
}

/** One subscription until it is over: an exit code, or how long to wait (s) before the next one. */
async function live(
  subscription: Subscription,
  connectionLost: Promise<void>,
  expires: number,
  terminal: Terminal,
): Promise<{ code: number } | { wait: number }> {
  const over = new AbortController();
  const { interrupted } = terminal; // asked for before the SUBSCRIBE leaves: from then on Ctrl-C has something to end
  let ending: Ending | undefined;
  subscription.ended.then((last) => {
    ending = last;
    over.abort();
  });
  connectionLost.then(() => over.abort());
  for (;;) {
    const response = await subscription.send(expires);
    if (response.status === 481) return { wait: 0 }; // a refresh the server knows nothing of: RFC 6665 §4.1.2.2
    if (response.status >= 300) {
      terminal.err(`${response.status} ${response.reason}`);
      return { code: 1 };
    }
    if (expires === 0) return { code: await lastNotify(over.signal, terminal) };
    const due = refreshAfter(granted(response, expires));
    if (await pause(due, AbortSignal.any([interrupted, over.signal]))) continue;
    if (ending !== undefined) return after(ending);
    if (over.signal.aborted) return { wait: 1 };
    const last = await subscription.send(0);
    if (last.status < 300) return { code: await lastNotify(over.signal, terminal) };
    terminal.err(`not unsubscribed: ${last.status} ${last.reason}`);
    return { code: 1 };
  }
}

/** The exit code: 0 when the subscription is over within 5 s. */
async function lastNotify(over: AbortSignal, terminal: Terminal): Promise<number> {
  if (!(await pause(lastNotifyMs, over))) return 0;
  terminal.err('the last NOTIFY did not come');
  return 1;
}

function after({ reason, retryAfter }: Ending): { code: number } | { wait: number } {
  if (!again.has(reason)) return { code: 1 };
  if (retryAfter !== undefined) return { wait: retryAfter };
  return { wait: reason === 'deactivated' || reason === 'timeout' ? 1 : retrySeconds };
}

function dialogOf({ presentity, watcher, winfo }: Order) {
  return winfo
    ? { presentity, watcher, event: 'presence.winfo', accept: 'application/watcherinfo+xml' }
    : { presentity, watcher, event: 'presence', accept: 'application/pidf+xml' };
}

function print(notification: Notification, terminal: Terminal): void {
  const time = new Date(systemClock.now()).toTimeString().slice(0, 8);
  const reason = notification.reason === undefined ? '' : ` (${notification.reason})`;
  const state = `${time}  ${notification.state}${reason}`;
  if (notification.body === '') {
    terminal.out(notification.state === 'pending' ? `${state}  not yet allowed to see it` : state);
  } else if (notification.contentType === 'application/watcherinfo+xml') {
    const { heading, watchers } = readWatcherinfo(notification.body);
    terminal.out(`${state}  ${heading}${watchers.length === 0 ? ': nobody' : ''}`);
    for (const watcher of watchers) terminal.out(`          ${watcher}`);
  } else {
    terminal.out(`${state}  ${readPidf(notification.body)}`);
  }
}
