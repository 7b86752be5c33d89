// Owns the resources in memory: bounded in number, the ones not used for longest go first, those at work never.
import type { Generations } from './handover';
import type { Resource } from './resource';

/** Resources that go for each that comes, so that half of them going at once holds up nobody. */
const pace = 2;

/**
 * Two generations: a hit in the old one moves to the young one; when the young one is full, the old one begins to leave, as
 * others need the room.
 */
export class ResourceCache {
  private young: Map<string, Resource>;
  private old: Map<string, Resource>;
  private leaving = new Map<string, Resource>();
  private leavingNext = this.leaving.values();
  /** Since the start. */
  hits = 0;
  misses = 0;

  /**
   * @param size how many resources are kept, roughly
   * @param isBusy a resource that must stay
   * @param onGone told of each resource that goes to make room
   * @param known what an earlier life of the module had in memory
   */
  constructor(
    private readonly size: number,
    private readonly isBusy: (resource: Resource) => boolean,
    private readonly onGone: (resource: Resource) => void,
    known: Generations = { young: new Map(), old: new Map() },
  ) {
    this.young = known.young;
    this.old = known.old;
  }

  /** For the next life of the module. */
  get generations(): Generations {
    return { young: this.young, old: new Map([...this.leaving, ...this.old]) };
  }

  get(id: string): Resource | undefined {
    const found = this.young.get(id);
    if (found) {
      this.hits++;
      return found;
    }
    const aged = this.old.get(id) ?? this.leaving.get(id);
    if (aged) {
      this.hits++;
      this.put(aged);
    } else this.misses++;
    return aged;
  }

  /** Whether a resource of this name is in memory, without counting as a use. */
  peek(id: string): Resource | undefined {
    return this.young.get(id) ?? this.old.get(id) ?? this.leaving.get(id);
  }

  put(resource: Resource): void {
    const { id } = resource.key;
    this.old.delete(id);
    this.leaving.delete(id);
    this.young.set(id, resource);
    if (this.young.size > this.size / 2 && this.leaving.size === 0) this.turnOver();
    this.retire();
  }

  /** Takes a resource that was read, in place of what was in memory: what nobody else has changed goes on under its numbers. */
  renew(resource: Resource): void {
    const former = this.peek(resource.key.id);
    if (former?.version === resource.version) resource.loadedVersion = former.loadedVersion;
    this.put(resource);
  }

  /** Forgets a resource whose state in memory is not what is stored. */
  drop(resource: Resource): void {
    const { id } = resource.key;
    if (this.peek(id) !== resource) return;
    this.young.delete(id);
    this.old.delete(id);
    this.leaving.delete(id);
  }

  /** How many resources are in memory. */
  get resources(): number {
    return this.young.size + this.old.size + this.leaving.size;
  }

  /** All resources in memory. */
  *all(): Iterable<Resource> {
    yield* this.young.values();
    yield* this.old.values();
    yield* this.leaving.values();
  }

  private turnOver(): void {
    this.leaving = this.old;
    this.leavingNext = this.leaving.values();
    this.old = this.young;
    this.young = new Map();
  }

  private retire(): void {
    for (let n = 0; n < pace && this.resources > this.size && this.leaving.size > 0; n++) {
      const { value: resource } = this.leavingNext.next();
      if (!resource) {
        // Only what was at work when its turn came is still there.
        for (const [id, busy] of this.leaving) this.young.set(id, busy);
        this.leaving.clear();
      } else if (!this.isBusy(resource)) {
        this.leaving.delete(resource.key.id);
        this.onGone(resource);
      }
    }
  }
}
