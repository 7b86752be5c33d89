// Owns the ids of a composed document: every one stands once, and the newest keeps its own.

/** Gives out ids: each its own as long as nobody newer has it, else the first free one made from it. Linear. */
export class Labels {
  private readonly reserved: Set<string>;
  private readonly claimed = new Set<string>();
  private readonly counters = new Map<string, number>();

  /** @param ids all that the document's publishers gave */
  constructor(ids: Iterable<string>) {
    this.reserved = new Set(ids);
  }

  /** The same array when all of them may stay. */
  claim(ids: readonly string[]): readonly string[] {
    let changed: string[] | undefined;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i] ?? '';
      if (this.claimed.has(id)) {
        changed ??= [...ids];
        changed[i] = this.fresh(id);
      } else this.claimed.add(id);
    }
    return changed ?? ids;
  }

  /** `base` itself when no piece has it, else `base-2`, `base-3` and so on. */
  fresh(base: string): string {
    let id = base;
    let counter = this.counters.get(base) ?? 1;
    while (this.reserved.has(id)) id = `${base}-${++counter}`;
    this.counters.set(base, counter);
    this.reserved.add(id);
    return id;
  }
}
