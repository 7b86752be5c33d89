// Owns what the tests of presence_dialoginfo share: fixtures, bodies, and a reading of documents that is not the module's own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import { composeDialogInfo } from '../../../modules/presence_dialoginfo/compose';
import { filesBelow, root } from '../../support/tree';
import { published } from '../presence_xml/pidf';

export const alice = 'sip:alice@example.com';
export const namespace = 'urn:ietf:params:xml:ns:dialog-info';

const folder = 'test/modules/presence_dialoginfo/fixtures';

/** Names of all fixtures, without `.xml`. */
export const fixtureNames = filesBelow(folder, /\.xml$/).map((path) => path.slice(folder.length + 1, -'.xml'.length));

export function fixture(name: string): Buffer {
  return readFileSync(join(root, folder, `${name}.xml`));
}

/** A body with these dialogs. */
export function dialogInfo(dialogs: string, state = 'full', version = '0'): string {
  return `<?xml version="1.0"?>\n<dialog-info xmlns="${namespace}" version="${version}" state="${state}" entity="${alice}">${dialogs}</dialog-info>`;
}

export interface Told {
  callId?: string;
  local?: string;
  remote?: string;
}

export function dialog(id: string, state: string, { callId, local, remote }: Told = {}): string {
  const attribute = (name: string, value: string | undefined) => (value === undefined ? '' : ` ${name}="${value}"`);
  const tags = attribute('local-tag', local) + attribute('remote-tag', remote);
  return `<dialog id="${id}"${attribute('call-id', callId)}${tags}><state>${state}</state></dialog>`;
}

/** Composes bodies, the last being the newest, and hands the document back as text. */
export function compose(bodies: readonly (string | Buffer)[], single = false, revision = 7): string {
  const newestFirst = bodies.map((body, index) => published(body, index + 1)).reverse();
  return composeDialogInfo(alice, newestFirst, revision, single).toString();
}

export interface SeenDialog {
  id: string;
  callId: string | undefined;
  state: string;
}

export interface Seen {
  version: string | undefined;
  state: string | undefined;
  entity: string | undefined;
  dialogs: SeenDialog[];
}

/** Reads a document as a phone does. Throws when it is not well-formed. */
export function see(document: string | Buffer): Seen {
  const seen: Seen = { version: undefined, state: undefined, entity: undefined, dialogs: [] };
  const path: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  parser.on('opentag', ({ uri, local, attributes }) => {
    path.push(uri === namespace ? local : `{${uri}}${local}`);
    if (path.length === 1) {
      seen.version = attributes.version?.value;
      seen.state = attributes.state?.value;
      seen.entity = attributes.entity?.value;
    } else if (path.join('/') === 'dialog-info/dialog') {
      seen.dialogs.push({ id: attributes.id?.value ?? '', callId: attributes['call-id']?.value, state: '' });
    }
  });
  parser.on('text', (text) => {
    const last = seen.dialogs.at(-1);
    if (last !== undefined && path.join('/') === 'dialog-info/dialog/state') last.state += text;
  });
  parser.on('closetag', () => path.pop());
  parser.write(document.toString()).close();
  return seen;
}

/** `id=state` of each dialog, in order. */
export function lamp(document: string | Buffer): string[] {
  return see(document).dialogs.map(({ id, state }) => `${id}=${state}`);
}
