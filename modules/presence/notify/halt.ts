// Owns how a channel comes to a halt: kept as it is for the next life of the module, or silenced because others may send in its dialog.
import type { TimerWheel } from '../../../core/api';
import type { Notice, ResourceChange } from '../changes';
import { type Channel, tell } from './channel';
import { noPlace } from './places';

export function cancelTimer(channel: Channel, wheel: TimerWheel): void {
  if (channel.timer) wheel.cancel(channel.timer);
  channel.timer = undefined;
}

/** A NOTIFY in flight stays in flight: its outcome waits for who takes the channel up. */
export function park(channel: Channel, wheel: TimerWheel): void {
  cancelTimer(channel, wheel);
  channel.place = noPlace;
  if (channel.flight) {
    const { transaction, subscription, last } = channel.flight;
    transaction?.park();
    channel.flight = { transaction, subscription, last };
  }
  // Its way was being looked for, and it has no number yet.
  else if (channel.state === 'flying') channel.state = 'queued';
}

/**
 * Nothing is sent any more, and nothing again; what was under way is told anew later. A dialog's last NOTIFY that is in flight
 * stays in flight: its record is gone, so nobody else sends in that dialog.
 */
export function silence(channel: Channel, wheel: TimerWheel): void {
  channel.place = noPlace;
  if (channel.flight?.last) return;
  cancelTimer(channel, wheel);
  if (channel.flight && channel.subscription.winfo) tell(channel, true, []);
  channel.flight?.transaction?.cancel();
  channel.flight = undefined;
  channel.state = 'queued';
}

/** The dialogs that ended without a last NOTIFY: they have nothing more to say. */
export function endedSilently(changes: readonly ResourceChange[], notices: readonly Notice[]): string[] {
  const ended = changes.filter((change) => change.kind === 'unsubscribe');
  if (ended.length === 0) return [];
  const lasting = new Set<string>();
  for (const notice of notices) if (notice.to === 'dialog' && notice.ends) lasting.add(notice.subscription.id);
  return ended.map(({ subscription }) => subscription.id).filter((id) => !lasting.has(id));
}
