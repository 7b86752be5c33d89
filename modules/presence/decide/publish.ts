// Owns the decision about a PUBLISH (RFC 3903 §6): initial, refresh, modify or remove; and removal by hand.
import {
  type Answer,
  type Decision,
  endOf,
  isWatched,
  nothing,
  type ResourceChange,
  refuse,
  type Surroundings,
} from '../changes';
import type { PublishRequest } from '../request/publish';
import type { Publication, Resource } from '../resource';

/** Limits and offsets in force, in seconds where they are times. */
export interface PublishSettings {
  readonly expiresOffset: number;
  readonly maxPublications: number;
}

/**
 * Decides a PUBLISH whose structure has been read. The order is RFC 3903 §6's: an entity-tag that names no live publication
 * is answered before a fault in what follows it.
 */
export function decidePublish(
  resource: Resource,
  request: PublishRequest,
  settings: PublishSettings,
  around: Surroundings,
): Decision {
  const previous = request.ifMatch === undefined ? undefined : resource.publications.get(request.ifMatch);
  if (request.ifMatch !== undefined && previous === undefined) return refuse(412, 'Conditional Request Failed');
  if (request.fault) return refuse(request.fault.status, request.fault.reason, request.fault.headers);
  const etag = around.token();

  if (request.expires === 0) {
    if (!previous) return { changes: [], notices: [], answer: accepted(request, etag, 0) };
    return withFanOut(resource, request, { kind: 'unpublish', publication: previous }, accepted(request, etag, 0));
  }

  if (!previous && resource.publications.size >= settings.maxPublications) {
    return refuse(403, 'Too Many Publications');
  }
  const publication = publicationOf(resource, request, previous, etag, around);
  const answer = accepted(request, etag, Math.max(1, request.expires - settings.expiresOffset));
  const store = { kind: 'publish', publication, replaces: previous } as const;
  // A refresh changes no state, so nobody is notified.
  if (previous && !request.body) return { changes: [store], notices: [], answer };
  return withFanOut(resource, request, store, answer);
}

/** Takes a publication out, as if its time had come. Nothing when there is none of this entity-tag. */
export function removePublication(resource: Resource, etag: string): Decision {
  const publication = resource.publications.get(etag);
  if (!publication) return nothing;
  const change: ResourceChange = { kind: 'unpublish', publication };
  if (!isWatched(resource)) return { changes: [change], notices: [] };
  return { changes: [change, { kind: 'fan-out', winfo: false }], notices: [{ to: 'watchers', except: '' }] };
}

function withFanOut(resource: Resource, request: PublishRequest, change: ResourceChange, answer: Answer): Decision {
  if (!isWatched(resource)) return { changes: [change], notices: [], answer };
  return {
    changes: [change, { kind: 'fan-out', winfo: false }],
    notices: [{ to: 'watchers', except: request.sender }],
    answer,
  };
}

function accepted(request: PublishRequest, etag: string, expires: number): Answer {
  const headers = `Expires: ${expires}\r\nSIP-ETag: ${etag}\r\nContact: ${request.localContact}\r\n`;
  return { status: 200, reason: 'OK', headers };
}

function publicationOf(
  resource: Resource,
  request: PublishRequest,
  previous: Publication | undefined,
  etag: string,
  around: Surroundings,
): Publication {
  const receivedTime = Math.floor(around.now / 1000);
  const expires = endOf(around.now, request.expires);
  const { body, asIs } = request;
  if (!body) {
    if (!previous) throw new Error('a PUBLISH without body and without publication passed the structure check');
    const { ruid, sender, document } = previous;
    return { ruid, etag, expires, receivedTime, sender, document };
  }
  let sequence = 1;
  for (const other of resource.publications.values()) sequence = Math.max(sequence, other.document.sequence + 1);
  const document = { etag, body, asIs, changedAt: receivedTime, sequence };
  return { ruid: previous?.ruid ?? etag, etag, expires, receivedTime, sender: request.sender, document };
}
