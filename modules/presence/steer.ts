// Owns what scripts and operators do alike: name a presentity, apply its rules, tell its watchers.
import { RollcallError } from '../../core/api';
import type { Decide } from './changes';
import { tellEverybody, tellState } from './decide/authorise';
import { canonical } from './handlers';
import type { Presence } from './presence';
import { keyOfUri, type ResourceKey } from './resource';

/** Kamailio's numbers for what has changed. */
export const refreshTypes = '0: rules changed; 1: the state in the database changed; 2: both.';

/** Reads the resource anew, applies its permissions, and tells its watchers. @throws DatabaseUnavailable */
export async function refreshWatchers(presence: Presence, key: ResourceKey, type: number): Promise<true> {
  await updateWatchers(presence, key);
  // Who may not know of the state learns from a NOTIFY for a change of state that there was one.
  return through(presence, key, type === 1 ? tellState : tellEverybody);
}

/** Reads the resource anew and applies its permissions. @throws DatabaseUnavailable */
export function updateWatchers(presence: Presence, key: ResourceKey): Promise<true> {
  return through(presence, key, presence.applyPermissions, true);
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
