// Owns how far memory is trusted while several nodes change the same resources: where it is often outdated, they are read first.

/** Uses of memory that the share is taken over, about. */
const span = 64;
/**
 * Share of outdated ones above which reading first is cheaper. A commit on an outdated resource is undone with the group it is
 * in, the resource is read, and all of it goes again: the read would have been the least of it.
 */
const limit = 0.2;

/** Goes up and down by itself: what is read first is compared with what memory had. */
export class Trust {
  private outdated = 0;

  /** A resource that was in memory has turned out to be as it is stored, or not. */
  note(isOutdated: boolean): void {
    this.outdated += (Number(isOutdated) - this.outdated) / span;
  }

  get isLost(): boolean {
    return this.outdated > limit;
  }
}
