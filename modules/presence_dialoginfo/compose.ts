// Owns composition: one full dialog-info document out of everything that is published for a presentity, newest content first.
import type { PublishedDocument } from '../presence/api';
import { escapeAttribute, Labels, xmlSafe } from '../presence_xml/api';
import { DIALOG_INFO, type Dialog, readDialogInfo, states, withId } from './document';

/**
 * Composes the document that the watchers of `presentity` get. `revision` is its version: no watcher sees it fall, and a full
 * document may skip numbers (RFC 4235 §4.3). `single`: of all dialogs only the most interesting one.
 */
export function composeDialogInfo(
  presentity: string,
  publications: readonly PublishedDocument[],
  revision: number,
  single: boolean,
): Buffer {
  const calls = new Calls();
  let extensions = '';
  for (const { body } of publications) {
    const info = readDialogInfo(body);
    if (!info.ok) continue;
    for (const dialog of info.dialogs) calls.add(dialog);
    for (const extension of info.extensions) extensions += `${extension}\n`;
  }
  const dialogs = single ? mostInteresting(calls.dialogs) : calls.dialogs;
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      `<dialog-info xmlns="${DIALOG_INFO}" version="${revision}" state="full" entity="${escapeAttribute(xmlSafe(presentity))}">\n` +
      `${textOfAll(dialogs)}${extensions}</dialog-info>\n`,
  );
}

/** One dialog or none. Of equal ones the first: that is the newest. A state RFC 4235 does not know comes last. */
function mostInteresting(dialogs: readonly Dialog[]): readonly Dialog[] {
  for (const state of states) {
    const found = dialogs.find((dialog) => dialog.state === state);
    if (found !== undefined) return [found];
  }
  return dialogs.slice(0, 1);
}

function textOfAll(dialogs: readonly Dialog[]): string {
  const ids = dialogs.map(({ id }) => id);
  const unique = new Labels(ids).claim(ids);
  let text = '';
  dialogs.forEach((dialog, at) => {
    const id = unique[at] ?? dialog.id;
    text += `${id === dialog.id ? dialog.text : withId(dialog, id)}\n`;
  });
  return text;
}

/** The dialogs of all publications, one entry each. They are added newest first. */
class Calls {
  readonly dialogs: Dialog[] = [];
  /** By id, then by Call-ID: places in `dialogs`. Two devices may give the same id, phones count from 1. */
  private readonly places = new Map<string, Map<string, number>>();

  add(dialog: Dialog): void {
    const { id, callId } = dialog;
    const known = this.places.get(id);
    const place = known && placeAmong(known, callId);
    const newer = place === undefined ? undefined : this.dialogs[place];
    if (place === undefined || newer === undefined) {
      const at = this.dialogs.push(dialog) - 1;
      if (known === undefined) this.places.set(id, new Map([[callId, at]]));
      else known.set(callId, at);
    } else if (outlasts(dialog, newer)) this.dialogs[place] = dialog;
  }
}

/** Where the same call stands: with its Call-ID, or where one of the two does not tell it. */
function placeAmong(known: ReadonlyMap<string, number>, callId: string): number | undefined {
  if (callId === '') return known.values().next().value;
  return known.get(callId) ?? known.get('');
}

/**
 * Whether an older entry stands against a newer one of the same id and call. The newest wins, with two exceptions:
 *
 * - Terminated is final (RFC 4235 §3.7.1). A proxy's "terminated" may overtake its "early" on the way here; the lamp would
 *   blink until that publication expires.
 * - A forked call has legs, told apart by their tags. The end of a leg that lost does not end the one that was answered.
 */
function outlasts(older: Dialog, newer: Dialog): boolean {
  const olderEnded = older.state === 'terminated';
  if (olderEnded === (newer.state === 'terminated')) return false;
  const sameLeg = agree(older.localTag, newer.localTag) && agree(older.remoteTag, newer.remoteTag);
  if (!sameLeg) return !olderEnded;
  return olderEnded && older.callId !== '' && older.callId === newer.callId;
}

function agree(one: string, other: string): boolean {
  return one === '' || other === '' || one === other;
}
