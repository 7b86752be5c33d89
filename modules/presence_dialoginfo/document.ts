// Owns reading one published dialog-info document (RFC 4235 §4): may it be stored, and its dialogs, each written as text once.
import { RecentMemo } from '../../core/api';
import {
  assemble,
  attributeOf,
  dropBlanks,
  elementsOf,
  escapeAttribute,
  FragmentWriter,
  NamespaceKeeper,
  parseTree,
  Scope,
  textOf,
  XML,
  type XmlElement,
} from '../presence_xml/api';

export const DIALOG_INFO = 'urn:ietf:params:xml:ns:dialog-info';

/** One `dialog` element. Of what its publisher did not tell there is the empty text. */
export interface Dialog {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** One of RFC 4235 §3.7.1, or a word that its publisher and its watchers know. */
  readonly state: string;
  /** The element as it stands in a document whose default namespace is dialog-info. Its id comes first. */
  readonly text: string;
}

export type DialogInfo =
  | {
      readonly ok: true;
      readonly dialogs: readonly Dialog[];
      /** Elements of other namespaces beside the dialogs, as text. */
      readonly extensions: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

const read = new RecentMemo<Buffer, DialogInfo>(4_096);

/** Reads a body, or says again what was found the first time: bodies are not written to once they are received. */
export function readDialogInfo(body: Buffer): DialogInfo {
  let found = read.get(body);
  if (found === undefined) {
    const root = parseTree(body);
    const reason = typeof root === 'string' ? root : faultOf(root);
    found = reason === undefined ? takeApart(root as XmlElement, body.length) : { ok: false, reason };
    read.set(body, found);
  }
  return found;
}

/** The element of a dialog as text, with another id in the place of its own. */
export function withId(dialog: Dialog, id: string): string {
  return startOf(id) + dialog.text.slice(startOf(dialog.id).length);
}

function startOf(id: string): string {
  return `<dialog id="${escapeAttribute(id)}"`;
}

/**
 * Why a document is refused. Not refused for what its publisher gets wrong in use and nobody reads: `version` and `state` of
 * the root are the server's business in what it sends, so they need only make sense if they are there.
 */
function faultOf(root: XmlElement): string | undefined {
  if (root.local !== 'dialog-info') return 'root element is not dialog-info';
  if (root.uri !== DIALOG_INFO) return `dialog-info is not in namespace ${DIALOG_INFO}`;
  if (attributeOf(root, 'entity') === undefined) return 'dialog-info without entity';
  const version = told(root, 'version');
  if (version !== '' && !/^\d{1,20}$/.test(version)) return 'version of dialog-info is no number';
  const state = told(root, 'state');
  if (state !== '' && state !== 'full' && state !== 'partial')
    return 'state of dialog-info is neither full nor partial';
  for (const child of elementsOf(root)) {
    const fault = isDialog(child) ? faultOfDialog(child) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfDialog(dialog: XmlElement): string | undefined {
  if (told(dialog, 'id') === '') return 'dialog without id';
  const [state, another] = elementsOf(dialog).filter(isState);
  if (another !== undefined) return 'dialog with more than one state';
  if (state === undefined || textOf(state).trim() === '') return 'dialog without state';
  return elementsOf(state).length > 0 ? 'state of a dialog holds an element' : undefined;
}

function takeApart(root: XmlElement, size: number): DialogInfo {
  const writer = new FragmentWriter(prefixes, declarationBudget + size);
  const keeper = root.declarations.size === 0 ? undefined : new NamespaceKeeper(root);
  const dialogs: Dialog[] = [];
  const extensions: string[] = [];
  for (const child of elementsOf(root)) {
    const element = keeper === undefined ? child : keeper.whole(child, []);
    dropBlanks(element);
    if (isDialog(element)) dialogs.push(dialogOf(element, writer));
    else extensions.push(compact(assemble(writer.write(element, scope))));
    if (writer.exhausted) return { ok: false, reason: 'namespace declarations too long' };
  }
  return { ok: true, dialogs, extensions };
}

function dialogOf(element: XmlElement, writer: FragmentWriter): Dialog {
  const id = told(element, 'id');
  const state = tidyState(element);
  const attributes = element.attributes.filter(({ local, uri }) => local !== 'id' || uri !== '');
  const fragment = writer.write({ ...element, attributes }, scope);
  return {
    id: compact(id),
    callId: compact(told(element, 'call-id')),
    localTag: compact(told(element, 'local-tag')),
    remoteTag: compact(told(element, 'remote-tag')),
    state,
    text: compact(assemble(fragment, ` id="${escapeAttribute(id)}"`)),
  };
}

/** A copy in one piece: text is made of many, and a piece keeps the document alive that it was cut from. */
function compact(text: string): string {
  return Buffer.from(text).toString();
}

/** Phones compare a state as text, so one of RFC 4235 is written as there: small letters and no blanks. */
function tidyState(dialog: XmlElement): string {
  const element = elementsOf(dialog).find(isState);
  if (element === undefined) return '';
  const state = textOf(element).trim();
  const known = states.find((name) => name === state.toLowerCase());
  if (known !== undefined) element.children = [known];
  return known ?? state;
}

/** The states of RFC 4235 §3.7.1, the one that is of most interest first. */
export const states = ['early', 'confirmed', 'proceeding', 'trying', 'terminated'];

function isDialog({ uri, local }: XmlElement): boolean {
  return uri === DIALOG_INFO && local === 'dialog';
}

function isState({ uri, local }: XmlElement): boolean {
  return uri === DIALOG_INFO && local === 'state';
}

/** The value of an attribute without the blanks around it; empty when it is not there. */
function told(element: XmlElement, name: string): string {
  return attributeOf(element, name)?.value.trim() ?? '';
}

/** What composed documents declare. */
const scope = new Scope(
  new Map([
    ['', DIALOG_INFO],
    ['xml', XML],
  ]),
);
/** Phones look for elements without a prefix. */
const prefixes = new Map([[DIALOG_INFO, '']]);
/** How long declarations may get that have to be repeated, beside the size of the body. */
const declarationBudget = 4096;
