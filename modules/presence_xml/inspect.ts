// Owns the check of a published PIDF document: may it be stored, and may it be sent on unchanged.
import {
  customaryPrefixes,
  idIsUnique,
  isBlank,
  isLanguage,
  type Kind,
  kindOf,
  kinds,
  PIDF,
  RPID,
  rankInStatus,
  rankInTuple,
} from './names';
import { readXml } from './reader';
import { attributeOf, XmlRefusal, type XmlSink, type XmlTag } from './sink';

export type Inspection =
  | {
      readonly ok: true;
      /** The presentity to whose watchers this body can go unchanged; undefined when it has to be rewritten first. */
      readonly standsFor: string | undefined;
    }
  | { readonly ok: false; readonly reason: string };

/** Whether a body may be published, and whether it may go to the watchers of `presentity` unchanged. */
export function checkPidf(
  body: Buffer,
  presentity: string,
): { ok: true; asIs: boolean } | { ok: false; reason: string } {
  const found = inspect(body);
  return found.ok ? { ok: true, asIs: found.standsFor === presentity } : found;
}

export function inspect(body: Buffer): Inspection {
  return inspector.inspect(body);
}

/**
 * Follows RFC 3863 as far as the README says. Besides, `plain` stays true while the document has exactly the form that
 * composition gives a document: the order of the schema, the customary prefixes, ids present and unique, nothing odd.
 */
class Inspector implements XmlSink {
  private plain = true;
  private entity = '';
  private depth = 0;
  private kind: Kind = 'tuple';
  private kindRank = 0;
  private rank = 0;
  private statusRank = 0;
  private statuses = 0;
  private basics = 0;
  private inStatus = false;
  private basic: string | undefined;
  private saysBasic = false;
  private readonly ids = new Set<string>();

  inspect(body: Buffer): Inspection {
    const reason = readXml(body, this);
    if (reason !== undefined) return { ok: false, reason };
    return { ok: true, standsFor: this.plain && this.saysBasic ? this.entity : undefined };
  }

  begin(): void {
    this.plain = true;
    this.depth = 0;
    this.kindRank = 0;
    this.inStatus = false;
    this.basic = undefined;
    this.saysBasic = false;
    this.ids.clear();
  }

  open(tag: XmlTag): void {
    const depth = ++this.depth;
    if (tag.prefix !== (customaryPrefixes.get(tag.uri) ?? tag.prefix)) this.plain = false;
    if (depth === 1) this.openRoot(tag);
    else if (depth === 2) this.openItem(tag);
    else this.openInside(tag, depth);
  }

  private openRoot(tag: XmlTag): void {
    if (tag.local !== 'presence') throw new XmlRefusal('root element is not presence');
    if (tag.uri !== PIDF) throw new XmlRefusal(`presence is not in namespace ${PIDF}`);
    const entity = attributeOf(tag, 'entity')?.value;
    if (entity === undefined) throw new XmlRefusal('presence without entity');
    this.entity = entity;
    // Composition moves a language from the root to what it speaks for.
    if (tag.attributes.some(isLanguage)) this.plain = false;
  }

  private openItem(tag: XmlTag): void {
    this.kind = kindOf(tag.uri, tag.local);
    const rank = kinds.indexOf(this.kind);
    if (rank < this.kindRank) this.plain = false;
    this.kindRank = rank;
    const id = attributeOf(tag, 'id')?.value ?? '';
    if (this.kind === 'tuple') {
      if (id === '') throw new XmlRefusal('tuple without id');
      this.rank = 0;
      this.statuses = 0;
      this.basics = 0;
    }
    if (id !== '' && idIsUnique(tag.uri, tag.local)) this.claim(id);
    else if (this.kind === 'person' || this.kind === 'device') this.plain = false;
  }

  private openInside(tag: XmlTag, depth: number): void {
    if (this.basic !== undefined) throw new XmlRefusal('basic holds an element');
    if (this.kind === 'tuple') {
      if (depth === 3) this.openInTuple(tag);
      else if (depth === 4 && this.inStatus) this.openInStatus(tag);
    }
    if (tag.uri === RPID) this.claim(attributeOf(tag, 'id')?.value);
  }

  private openInTuple(tag: XmlTag): void {
    const rank = rankInTuple(tag.uri, tag.local);
    if (rank < this.rank) this.plain = false;
    this.rank = rank;
    if (rank !== 0) return;
    if (++this.statuses > 1) throw new XmlRefusal('tuple with more than one status');
    this.inStatus = true;
    this.statusRank = 0;
  }

  private openInStatus(tag: XmlTag): void {
    const rank = rankInStatus(tag.uri, tag.local);
    if (rank < this.statusRank) this.plain = false;
    this.statusRank = rank;
    if (rank !== 0) return;
    if (++this.basics > 1) throw new XmlRefusal('status with more than one basic');
    this.basic = '';
  }

  private claim(id: string | undefined): void {
    if (id === undefined) return;
    if (this.ids.has(id)) this.plain = false;
    this.ids.add(id);
  }

  text(text: string): void {
    if (this.basic !== undefined) {
      this.basic += text;
      return;
    }
    const elementOnly =
      this.depth === 1 || (this.kind === 'tuple' && (this.depth === 2 || (this.depth === 3 && this.inStatus)));
    if (elementOnly && !isBlank(text)) this.plain = false;
  }

  close(): void {
    const depth = this.depth--;
    if (this.basic !== undefined) this.closeBasic(this.basic);
    else if (depth === 3) this.inStatus = false;
    else if (depth === 2 && this.kind === 'tuple' && this.statuses === 0) this.plain = false;
  }

  private closeBasic(text: string): void {
    this.basic = undefined;
    const value = text.trim();
    if (value === 'open' || value === 'closed') this.saysBasic = true;
    // baresip says so before it has registered; composition leaves it out, for a status needs none (RFC 3863 §4.4).
    else if (value !== 'unknown') throw new XmlRefusal('basic is neither open nor closed');
    if (value !== text || value === 'unknown') this.plain = false;
  }

  odd(): void {
    this.plain = false;
  }
}

const inspector = new Inspector();
