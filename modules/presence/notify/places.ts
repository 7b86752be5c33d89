// Owns how many NOTIFYs of a crowd may wait for their answers: places that come free with the answer, or after a while without.

/** ms for which a place is held at most, in slices: so no place needs a timer of its own. */
const sliceMs = 5;
const slices = 4;

/** ms after which places that nobody gives back have come free. */
export const patienceMs = sliceMs * slices;

/**
 * Bounds of how many places there are. Their answers may all stand in the receive buffer in front of somebody else's request, and
 * each takes some 10 µs. So there are few while the event loop has no time to spare, and more when the crowd is far away.
 */
export const leastPlaces = 64;
const mostPlaces = 1024;

/** Places that come with a look at the event loop that finds it idle for so much of the time. */
const more = 32;
const idleShare = 0.2;

/** How many places there are from now on. `idle`: the part of the time since the last look in which the loop had nothing to do. */
export function nextPlaces(places: number, idle: number): number {
  return idle >= idleShare ? Math.min(mostPlaces, places + more) : Math.max(leastPlaces, places >> 1);
}

/** A place that was taken: the slice of time in which it was. */
export type Place = number;

/** What takes part in no count. */
export const noPlace: Place = 0;

/** Counts the places of one crowd. `now` is in ms and never goes back. */
export class Places {
  /** Places taken in each of the last slices, and not given back. */
  private readonly taken: number[] = new Array(slices).fill(0);
  private sum = 0;
  private slice = 0;

  /** How many are held. */
  held(now: number): number {
    this.moveTo(now);
    return this.sum;
  }

  take(now: number): Place {
    this.moveTo(now);
    this.sum++;
    this.taken[this.slice % slices] = (this.taken[this.slice % slices] ?? 0) + 1;
    return this.slice;
  }

  /** An answer has come, or will never come. A place that has come free by itself is not freed twice. */
  giveBack(place: Place, now: number): void {
    this.moveTo(now);
    const left = this.taken[place % slices] ?? 0;
    if (place <= this.slice - slices || left === 0) return;
    this.taken[place % slices] = left - 1;
    this.sum--;
  }

  private moveTo(now: number): void {
    // Counted from 1, since 0 is no place.
    const slice = 1 + Math.floor(now / sliceMs);
    for (let passed = Math.max(this.slice + 1, slice - slices + 1); passed <= slice; passed++) {
      this.sum -= this.taken[passed % slices] ?? 0;
      this.taken[passed % slices] = 0;
    }
    this.slice = slice;
  }
}
