// Owns composition: one valid PIDF document out of everything that is published for a presentity, newest content first.
import type { PublishedDocument } from '../presence/api';
import { inspect } from './inspect';
import { Labels } from './labels';
import { type Kind, kinds } from './names';
import { declarationBudget, type Piece, type PublishedPieces, piecesAnew, piecesOf } from './pieces';
import { assemble, closedTuple, declarations, presenceDocument } from './write';

/**
 * Composes the document that the watchers of `presentity` get (RFC 3863, RFC 4479). A single publication that is
 * already in the right form is handed back as it came, so the caller must not write to the result.
 */
export function composePidf(presentity: string, publications: readonly PublishedDocument[]): Buffer {
  const [only] = publications;
  if (only !== undefined && publications.length === 1 && goesAsIs(only, presentity)) return only.body;
  return Buffer.from(new Composition(publications).write(presentity));
}

/** Of a body that comes out of the database nobody has said it yet. */
function goesAsIs({ body, asIs }: PublishedDocument, presentity: string): boolean {
  if (asIs !== undefined) return asIs;
  const inspection = inspect(body);
  return inspection.ok && inspection.standsFor === presentity;
}

/** A piece that stays, and its place. */
interface Kept {
  readonly piece: Piece;
  readonly document: PublishedPieces;
  /** Declarations that its document's root made and the common root could not. */
  readonly declarations: string;
}

class Composition {
  private readonly namespaces = new Map<string, string>();
  private readonly kept: Kept[] = [];
  /** The document that has each published id, by kind and id: the newest. */
  private readonly owners = new Map<string, PublishedPieces>();
  private readonly notes = new Set<string>();
  private readonly newest: PublishedPieces | undefined;

  constructor(publications: readonly PublishedDocument[]) {
    const newestFirst = [...publications].sort((a, b) => b.sequence - a.sequence);
    // A lone publication is composed once: when there are several, each is looked at again whenever another one changes.
    const read = publications.length === 1 ? piecesAnew : piecesOf;
    for (const publication of newestFirst) {
      const document = read(publication);
      if (document === undefined) continue;
      this.newest ??= document;
      this.add(document);
    }
  }

  private add(document: PublishedPieces): void {
    const local = declarations(this.hoist(document));
    if (local.length * document.pieces.length > declarationBudget) return;
    for (const piece of document.pieces) {
      if (this.isSuperseded(piece, document)) continue;
      this.kept.push({ piece, document, declarations: local });
    }
  }

  /** Declares a document's prefixes on the common root where they are free; the rest is handed back. */
  private hoist({ namespaces }: PublishedPieces): [string, string][] {
    const clashing: [string, string][] = [];
    for (const [prefix, uri] of namespaces) {
      const known = this.namespaces.get(prefix);
      if (known === undefined) this.namespaces.set(prefix, uri);
      else if (known !== uri) clashing.push([prefix, uri]);
    }
    return clashing;
  }

  /** True when a newer publication has the same element: the same id of the same kind, or the same note. */
  private isSuperseded({ kind, id, text }: Piece, document: PublishedPieces): boolean {
    if (kind === 'note') {
      if (this.notes.has(text)) return true;
      this.notes.add(text);
      return false;
    }
    if (id === undefined) return false;
    const key = `${kind} ${id}`;
    const owner = this.owners.get(key) ?? document;
    this.owners.set(key, owner);
    return owner !== document;
  }

  write(presentity: string): string {
    const labels = new Labels(this.kept.flatMap(({ piece }) => piece.fragment.ids));
    const byKind = new Map<Kind, string[]>(kinds.map((kind) => [kind, []]));
    let saysBasic = false;
    for (const { piece, declarations: local } of this.kept) {
      const ids = labels.claim(piece.fragment.ids);
      const text = local === '' && ids === piece.fragment.ids ? piece.text : assemble(piece.fragment, local, ids);
      byKind.get(piece.kind)?.push(text);
      saysBasic ||= piece.saysBasic;
    }
    if (!saysBasic) byKind.get('tuple')?.push(closedTuple(labels.fresh('closed')));
    return presenceDocument(presentity, this.namespaces, this.newest?.attributes ?? '', [...byKind.values()].flat());
  }
}
