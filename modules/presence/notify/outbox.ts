// Owns the order in which NOTIFYs leave: resources take turns, and a crowd waits for answers, so that it does not hold up the others.
import type { TimerWheel, WheelTimer } from '../../../core/api';
import { leastPlaces, nextPlaces, noPlace, type Place, Places } from './places';

/** NOTIFYs of one resource in one turn, and of all before the event loop gets a breath. */
const turn = 16;
const breath = 64;
/** Items of one owner from which on it is a crowd, whose unanswered NOTIFYs are counted. */
const crowd = 2 * breath;
/** ms between two looks at how idle the event loop is, and at places that have come free by themselves. */
const lookEvery = 10;

interface Line<Item> {
  readonly items: Item[];
  next: number;
  /** Undefined for those who are few. */
  places: Places | undefined;
}

interface Surroundings<Item> {
  readonly wheel: TimerWheel;
  /** ms for which the event loop has had nothing to do. */
  idle(): number;
  /** `place` is to be given back when the item is answered, or cannot be. */
  send(item: Item, place: Place): void;
}

/** Items wait by owner. They are handed out in slices, in the background; those of a crowd wait while it has no place free. */
export class Outbox<Owner, Item> {
  private readonly ready = new Map<Owner, Line<Item>>();
  /** Lines that wait for a place. */
  private readonly stalled = new Map<Owner, Line<Item>>();
  /** Those with items that wait, and those with places that are still held. */
  private readonly crowds = new Map<Owner, Places>();
  /** How many places each crowd has. */
  private places = leastPlaces;
  private timer: WheelTimer | undefined;
  private running = false;
  private count = 0;

  constructor(private readonly around: Surroundings<Item>) {}

  get empty(): boolean {
    return this.count === 0;
  }

  /** How many items wait. */
  get size(): number {
    return this.count;
  }

  add(owner: Owner, item: Item): void {
    this.count++;
    const stalled = this.stalled.get(owner);
    const line = stalled ?? this.ready.get(owner);
    if (line) {
      line.items.push(item);
      if (line.items.length > crowd) line.places ??= this.placesOf(owner);
      // A line that never empties must not keep what it has handed out.
      if (line.next >= breath && line.next * 2 > line.items.length) {
        line.items.splice(0, line.next);
        line.next = 0;
      }
    } else this.ready.set(owner, { items: [item], next: 0, places: this.crowds.get(owner) });
    if (!stalled) this.run();
  }

  /** An item is answered, will never be, or was not sent. */
  giveBack(owner: Owner, place: Place): void {
    if (place === noPlace) return;
    const now = this.around.wheel.now();
    this.crowds.get(owner)?.giveBack(place, now);
    this.revive(owner, now);
  }

  /** Forgets what waits. */
  clear(): void {
    this.ready.clear();
    this.stalled.clear();
    this.crowds.clear();
    this.count = 0;
    if (this.timer) this.around.wheel.cancel(this.timer);
    this.timer = undefined;
  }

  private run(): void {
    if (this.running) return;
    this.running = true;
    setImmediate(() => this.drain());
  }

  private drain(): void {
    let left = breath;
    while (left > 0 && this.ready.size > 0) {
      for (const [owner, line] of this.ready) {
        left -= this.handOut(owner, line, Math.min(turn, left));
        if (left === 0) break;
      }
    }
    this.running = false;
    if (this.ready.size > 0) this.run();
  }

  /** A turn of one owner, who goes behind the others then. @returns how many items it has handed out */
  private handOut(owner: Owner, line: Line<Item>, most: number): number {
    const { items, places } = line;
    const now = places ? this.around.wheel.now() : 0;
    let handedOut = 0;
    while (handedOut < most && line.next < items.length && (!places || places.held(now) < this.places)) {
      const item = items[line.next++] as Item;
      this.count--;
      handedOut++;
      this.around.send(item, places?.take(now) ?? noPlace);
    }
    this.ready.delete(owner);
    if (line.next < items.length) (handedOut < most ? this.stalled : this.ready).set(owner, line);
    return handedOut;
  }

  private placesOf(owner: Owner): Places {
    let places = this.crowds.get(owner);
    if (!places) {
      places = new Places();
      this.crowds.set(owner, places);
      if (!this.timer) {
        this.places = leastPlaces;
        this.lookLater();
      }
    }
    return places;
  }

  /** Looks at the crowds as long as there are any. */
  private lookLater(): void {
    const { wheel, idle } = this.around;
    const began = wheel.now();
    const idleBefore = idle();
    this.timer = wheel.after(lookEvery, () => {
      this.timer = undefined;
      const now = wheel.now();
      this.places = nextPlaces(this.places, (idle() - idleBefore) / (now - began));
      for (const [owner, places] of this.crowds) {
        this.revive(owner, now);
        if (places.held(now) === 0 && !this.ready.has(owner) && !this.stalled.has(owner)) this.crowds.delete(owner);
      }
      if (this.crowds.size > 0) this.lookLater();
    });
  }

  private revive(owner: Owner, now: number): void {
    const line = this.stalled.get(owner);
    if (line?.places === undefined || line.places.held(now) >= this.places) return;
    this.stalled.delete(owner);
    this.ready.set(owner, line);
    this.run();
  }
}
