// Owns the watcherinfo document (RFC 3858): who watches a presentity, in full or only what changed.
import type { WatcherEntry, WatcherinfoDocument } from '../presence/api';
import { escapeAttribute, escapeText, xmlSafe } from './escape';

/** Writes one document. The same document gives the same bytes; watchers stand in the order given. */
export function renderWatcherinfo(document: WatcherinfoDocument): Buffer {
  const { version, state, resource, package: name, watchers } = document;
  const list = watchers.map(renderWatcher).join('');
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      `<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="${version}" state="${state}">\n` +
      `<watcher-list${attribute('resource', resource)}${attribute('package', name)}>\n${list}</watcher-list>\n` +
      '</watcherinfo>\n',
  );
}

function renderWatcher(watcher: WatcherEntry): string {
  const { id, event, status, durationSubscribed, expiration, displayName, uri } = watcher;
  return (
    `<watcher${attribute('id', id)} event="${event}" status="${status}"` +
    `${seconds('duration-subscribed', durationSubscribed)}${seconds('expiration', expiration)}` +
    `${displayName === undefined ? '' : attribute('display-name', displayName)}>` +
    `${escapeText(xmlSafe(uri))}</watcher>\n`
  );
}

function attribute(name: string, value: string): string {
  return ` ${name}="${escapeAttribute(xmlSafe(value))}"`;
}

/** Both are xs:unsignedLong (RFC 3858 §6): whole seconds, and a clock that went back must not show. */
function seconds(name: string, value: number | undefined): string {
  return value === undefined ? '' : ` ${name}="${Math.max(0, Math.floor(value))}"`;
}
