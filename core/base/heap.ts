// Owns a binary heap: what is smallest comes first, in O(log n).

/** Items by a number, smallest first; equal ones in any order. */
export class Heap<T> {
  private readonly items: { readonly at: number; readonly item: T }[] = [];

  get size(): number {
    return this.items.length;
  }

  /** The smallest number, or Infinity. */
  get first(): number {
    return this.items[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  push(at: number, item: T): void {
    const { items } = this;
    const entry = { at, item };
    let place = items.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = items[parent];
      if (!above || above.at <= at) break;
      items[place] = above;
      place = parent;
    }
    items[place] = entry;
  }

  /** Takes the smallest out. */
  pop(): T | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (!first || !last || items.length === 0) return first?.item;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const [left, right] = [items[child], items[child + 1]];
      if (!left) break;
      if (right && right.at < left.at) child++;
      const smaller = items[child];
      if (!smaller || smaller.at >= last.at) break;
      items[place] = smaller;
      place = child;
    }
    items[place] = last;
    return first.item;
  }
}
