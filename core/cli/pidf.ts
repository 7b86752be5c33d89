// Owns the XML the client commands write and read: a PIDF made from words, a line of words made from PIDF or watcherinfo.
import { SaxesParser } from 'saxes';

/** What a publication says. */
export interface PresenceWords {
  entity: string;
  /** tuple id, an XML name */
  id: string;
  status: 'open' | 'closed';
  note?: string | undefined;
  /** an RFC 4480 activity such as `away`; another word is carried as `<rpid:other>` */
  activity?: string | undefined;
  contact?: string | undefined;
  timestamp: Date;
}

const activities = new Set(
  (
    'appointment away breakfast busy dinner holiday in-transit looking-for-work lunch meal meeting on-the-phone ' +
    'performance permanent-absence playing presentation shopping sleeping spectator steering travel tv unknown ' +
    'vacation working worship'
  ).split(' '),
);

/** A PIDF document (RFC 3863) with a person (RFC 4479) when there is an activity to tell. */
export function writePidf(words: PresenceWords): string {
  const { entity, id, status, note, activity, contact, timestamp } = words;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"`,
    `  xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${escapeXml(entity)}">`,
    `  <tuple id="${escapeXml(id)}">`,
    `    <status><basic>${status}</basic></status>`,
  ];
  if (contact !== undefined) lines.push(`    <contact>${escapeXml(contact)}</contact>`);
  if (note !== undefined) lines.push(`    <note>${escapeXml(note)}</note>`);
  lines.push(`    <timestamp>${timestamp.toISOString()}</timestamp>`, '  </tuple>');
  if (activity !== undefined) {
    const element = activities.has(activity)
      ? `<rpid:${activity}/>`
      : `<rpid:other>${escapeXml(activity)}</rpid:other>`;
    lines.push(`  <dm:person id="${escapeXml(id)}p"><rpid:activities>${element}</rpid:activities></dm:person>`);
  }
  return `${lines.join('\n')}\n</presence>\n`;
}

/** `open "at work" away`: basic, notes and activities of all tuples and persons, in document order. */
export function readPidf(xml: string): string {
  const basics: string[] = [];
  const notes: string[] = [];
  const doing: string[] = [];
  const path: string[] = [];
  let text = '';
  const parser = new SaxesParser({ xmlns: true });
  parser.on('opentag', (tag) => {
    if (path.at(-1) === 'activities' && tag.local !== 'other') doing.push(tag.local);
    path.push(tag.local);
    text = '';
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('closetag', (tag) => {
    path.pop();
    const words = text.trim();
    text = '';
    if (words === '') return;
    if (tag.local === 'basic') basics.push(words);
    else if (tag.local === 'note') notes.push(`"${words}"`);
    else if (tag.local === 'other' && path.at(-1) === 'activities') doing.push(words);
  });
  if (!parse(parser, xml)) return 'a document that is not well-formed';
  return [...new Set([...basics, ...notes, ...doing])].join('  ') || 'a document that says nothing';
}

/** One line a watcher (RFC 3858), and the version and state of the document. */
export function readWatcherinfo(xml: string): { heading: string; watchers: string[] } {
  const watchers: string[] = [];
  let heading = 'watcherinfo';
  let current: Record<string, string> | undefined;
  let uri = '';
  const parser = new SaxesParser();
  parser.on('opentag', (tag) => {
    const attributes = tag.attributes as Record<string, string>;
    if (tag.name === 'watcherinfo') heading = `${attributes.state} list, version ${attributes.version}`;
    if (tag.name === 'watcher') current = attributes;
    uri = '';
  });
  parser.on('text', (piece) => {
    uri += piece;
  });
  parser.on('closetag', (tag) => {
    if (tag.name !== 'watcher' || current === undefined) return;
    watchers.push(`${uri.trim()}  ${current.status} (${current.event})`);
    current = undefined;
  });
  return parse(parser, xml) ? { heading, watchers } : { heading: 'a document that is not well-formed', watchers: [] };
}

interface Parser {
  on(event: 'error', handler: (error: Error) => void): void;
  write(xml: string): { close(): void };
}

function parse(parser: Parser, xml: string): boolean {
  let sound = true;
  parser.on('error', () => {
    sound = false;
  });
  parser.write(xml).close();
  return sound;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
