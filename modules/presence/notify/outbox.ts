// Owns the order in which NOTIFYs leave: resources take turns, so that a large crowd at one does not hold up the others.

/** NOTIFYs of one resource in one turn, and of all before the event loop gets a breath. */
const turn = 16;
const breath = 64;

/** Items wait by owner. They are handed out in slices, in the background. */
export class Outbox<Owner, Item> {
  private readonly waiting = new Map<Owner, { items: Item[]; next: number }>();
  private running = false;
  private count = 0;

  constructor(private readonly send: (item: Item) => void) {}

  get empty(): boolean {
    return this.waiting.size === 0;
  }

  /** How many items wait. */
  get size(): number {
    return this.count;
  }

  add(owner: Owner, item: Item): void {
    this.count++;
    const line = this.waiting.get(owner);
    if (line) {
      line.items.push(item);
      // A line that never empties must not keep what it has handed out.
      if (line.next >= breath && line.next * 2 > line.items.length) {
        line.items.splice(0, line.next);
        line.next = 0;
      }
    } else this.waiting.set(owner, { items: [item], next: 0 });
    if (!this.running) {
      this.running = true;
      setImmediate(() => this.drain());
    }
  }

  private drain(): void {
    let left = breath;
    while (left > 0 && this.waiting.size > 0) {
      for (const [owner, line] of this.waiting) {
        for (let n = 0; n < turn && left > 0 && line.next < line.items.length; n++, left--) {
          const item = line.items[line.next++];
          this.count--;
          if (item !== undefined) this.send(item);
        }
        this.waiting.delete(owner);
        // Back to the end of the line: the others come first.
        if (line.next < line.items.length) this.waiting.set(owner, line);
        if (left === 0) break;
      }
    }
    if (this.waiting.size > 0) setImmediate(() => this.drain());
    else this.running = false;
  }
}
