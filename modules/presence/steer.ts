// Owns what scripts and operators do alike: name a presentity, apply its rules, tell its watchers, end their subscriptions.
import { RollcallError } from '../../core/api';
import type { Decide } from './changes';
import { tellEverybody, tellState } from './decide/authorise';
import { endSubscriptions } from './decide/dialog';
import { type Ending, endings, readEnding } from './ending';
import { canonical } from './handlers';
import type { Presence } from './presence';
import { isEmpty, keyOfUri, type ResourceKey, type Subscription } from './resource';

/** Kamailio's numbers for what has changed. */
export const refreshTypes =
  '0: rules changed; 1: the state in the database changed; 2: a pidf-manipulation document changed, here the same as 1.';

/** Kamailio's arguments for type 2. */
export const refreshFile = [
  { name: 'file_uri', optional: true, doc: 'As Kamailio wants it for type 2; not needed here.' },
  { name: 'filename', optional: true, doc: 'As Kamailio wants it for type 2; not needed here.' },
] as const;

/** Reads the resource anew, applies its permissions, and tells its watchers. @throws DatabaseUnavailable */
export async function refreshWatchers(presence: Presence, key: ResourceKey, type: number): Promise<true> {
  await updateWatchers(presence, key);
  // Who may not know of the state learns from a NOTIFY for a change of state that there was one.
  return through(presence, key, type === 0 ? tellEverybody : tellState);
}

/** Reads the resource anew and applies its permissions. @throws DatabaseUnavailable */
export function updateWatchers(presence: Presence, key: ResourceKey): Promise<true> {
  return through(presence, key, applied(presence.applyPermissions), true);
}

/** Rules that change nothing now may refuse the next watcher: other nodes must not go on with the ones that they have read. */
function applied(permissions: Decide): Decide {
  return (resource, around) => {
    const { changes, notices } = permissions(resource, around);
    if (isEmpty(resource)) return { changes, notices };
    return { changes: [...changes, { kind: 'due', at: resource.dueNoted }], notices };
  };
}

/**
 * Ends the subscriptions of a watcher, or of one Call-ID; those to watcherinfo too.
 * @returns how many there were
 * @throws DatabaseUnavailable
 */
export async function terminate(presence: Presence, key: ResourceKey, who: string, ending: Ending): Promise<number> {
  const watcher = canonical(who);
  let meant: readonly Subscription[] = [];
  await through(presence, key, (resource, around) => {
    const all = [...resource.subscriptions.values()];
    meant = all.filter((each) => each.callId === who || each.watcher === watcher);
    return endSubscriptions(resource, meant, ending, presence.waitingTime, around);
  });
  return meant.length;
}

/** @throws RollcallError when a text is no ending */
export function endingOf(text: string): Ending {
  const ending = readEnding(text);
  if (ending === undefined) throw new RollcallError(`"${text}" is no reason to end a subscription`, { hint: endings });
  return ending;
}

/** Puts a decision through the door. @throws DatabaseUnavailable */
export function through(presence: Presence, key: ResourceKey, decide: Decide, fresh = false): Promise<true> {
  return new Promise((resolve, reject) => {
    presence.door.submit({ key, decide, fresh, done: () => resolve(true), failed: reject });
  });
}

/** @throws RollcallError when no module has registered the package */
export function keyOf(presence: Presence, uri: string, event = 'presence'): ResourceKey {
  if (!presence.packages.events.has(event)) {
    throw new RollcallError(`no module has registered the event package '${event}'`, {
      hint: `registered: ${[...presence.packages.events.keys()].join(', ') || 'none; add presence_xml to loadmodule'}`,
    });
  }
  return keyOfUri(canonical(uri), event);
}
