// Owns the resources in memory: bounded in number, the ones not used for longest go first, those at work never.
import type { Resource } from './resource';

/** Two generations: a hit in the old one moves to the young one; when the young one is full, the old one goes. */
export class ResourceCache {
  private young = new Map<string, Resource>();
  private old = new Map<string, Resource>();

  /**
   * @param size how many resources are kept, roughly
   * @param isBusy a resource that must stay
   * @param onEvict told of each resource that goes
   */
  constructor(
    private readonly size: number,
    private readonly isBusy: (resource: Resource) => boolean,
    private readonly onEvict: (resource: Resource) => void,
  ) {}

  get(id: string): Resource | undefined {
    const found = this.young.get(id);
    if (found) return found;
    const aged = this.old.get(id);
    if (aged) {
      this.old.delete(id);
      this.put(aged);
    }
    return aged;
  }

  put(resource: Resource): void {
    this.young.set(resource.key.id, resource);
    if (this.young.size > this.size / 2) this.turnOver();
  }

  /** Forgets a resource whose state in memory is not what is stored. */
  drop(resource: Resource): void {
    if (this.young.get(resource.key.id) === resource) this.young.delete(resource.key.id);
    if (this.old.get(resource.key.id) === resource) this.old.delete(resource.key.id);
  }

  /** All resources in memory. */
  *all(): Iterable<Resource> {
    yield* this.young.values();
    yield* this.old.values();
  }

  private turnOver(): void {
    const leaving = this.old;
    this.old = this.young;
    this.young = new Map();
    for (const resource of leaving.values()) {
      if (this.isBusy(resource)) this.old.set(resource.key.id, resource);
      else this.onEvict(resource);
    }
  }
}
