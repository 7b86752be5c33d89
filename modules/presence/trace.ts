// Owns the words for whoever traces: what was decided about a resource and why, and what became of its commit.
import { type Clock, hostPort, type SipRequest, type Trail } from '../../core/api';
import type { Answer, Decision, Notice, ResourceChange } from './changes';
import type { ResourceKey } from './resource';

/** What is decided together about one resource. */
interface Turn {
  readonly resource: { readonly key: ResourceKey };
  readonly changes: readonly ResourceChange[];
  readonly notices: readonly Notice[];
  readonly taken: readonly { readonly request?: SipRequest }[];
  /** In the same places. */
  readonly decisions: readonly Decision[];
}

/**
 * Tells each decision, and what time has changed by itself. To be called only while somebody follows.
 * @returns to be told what became of the commit
 */
export function tellTurn(trail: Trail, turn: Turn, clock: Clock): (outcome: string) => void {
  const { key } = turn.resource;
  const asked = new Set<object>(turn.decisions.flatMap(({ changes, notices }) => [...changes, ...notices]));
  const own = {
    changes: turn.changes.filter((change) => !asked.has(change)),
    notices: turn.notices.filter((notice) => !asked.has(notice)),
  };
  tellDecision(trail, key, own, undefined);
  for (const [i, decision] of turn.decisions.entries()) tellDecision(trail, key, decision, turn.taken[i]?.request);
  const began = clock.now();
  return (outcome) => trail.tell(`commit ${nameOf(key)}: ${outcome}, ${clock.now() - began} ms`);
}

/** A request that was answered before anything of the resource was looked at. */
export function tellRefusal(trail: Trail, request: SipRequest, answer: Answer): void {
  tellStep(trail, `decided ${request.uri}${askedBy(request)}`, [answerWords(answer)], request);
}

function tellDecision(trail: Trail, key: ResourceKey, decision: Decision, request: SipRequest | undefined): void {
  const { answer, changes, notices } = decision;
  const what = [...changes.map(changeWords), ...notices.map(noticeWords)].filter((words) => words !== '');
  if (answer === undefined && what.length === 0) return;
  const outcome = [...(answer === undefined ? [] : [answerWords(answer)]), ...what];
  tellStep(trail, `decided ${nameOf(key)}${askedBy(request)}`, outcome, request);
}

function tellStep(trail: Trail, heading: string, outcome: readonly string[], request: SipRequest | undefined): void {
  const source = request?.source;
  const peers = source === undefined ? [] : [source.address, hostPort(source)];
  trail.tell([heading, ...outcome].join('\n  '), peers);
}

function nameOf({ uri, event }: ResourceKey): string {
  return `${uri} ${event}`;
}

function askedBy(request: SipRequest | undefined): string {
  if (request === undefined) return '';
  return `, ${request.method} from ${request.from.uri}, Call-ID ${request.callId}`;
}

function answerWords({ status, reason, headers }: Answer): string {
  const told = headers
    .split('\r\n')
    .filter((line) => /^(Expires|SIP-ETag|Retry-After|Min-Expires): /.test(line))
    .map((line) => `, ${line}`);
  return `answer ${status} ${reason}${told.join('')}`;
}

function changeWords(change: ResourceChange): string {
  switch (change.kind) {
    case 'publish': {
      const { publication, replaces } = change;
      const until = `until ${time(publication.expires)}`;
      const size = `${publication.document.body.length} bytes`;
      if (!replaces) return `publication ${publication.etag} begins, ${until}, ${size}`;
      if (replaces.document === publication.document) {
        return `publication ${replaces.etag} is refreshed as ${publication.etag}, ${until}`;
      }
      return `publication ${replaces.etag} is changed to ${publication.etag}, ${until}, ${size}`;
    }
    case 'unpublish':
      return `publication ${change.publication.etag} ends`;
    case 'subscribe': {
      const { watcher, winfo, status, reason, expires } = change.subscription;
      const goesOn = change.replaces === undefined ? 'begins' : 'goes on';
      const why = reason === '' ? '' : ` (${reason})`;
      return `subscription of ${watcher}${winfo ? ' to the watchers' : ''} ${goesOn}: ${status}${why} until ${time(expires)}`;
    }
    case 'unsubscribe':
    case 'end':
      return `subscription of ${change.subscription.watcher} ends`;
    case 'authorise':
      return `${change.watcher.watcher} is noted as ${change.watcher.status}`;
    case 'forget':
      return `${change.watcher.watcher} is noted no more`;
    case 'fan-out':
    case 'due':
      return '';
  }
}

function noticeWords(notice: Notice): string {
  switch (notice.to) {
    case 'watchers':
      return `NOTIFY to every watcher${notice.except === '' ? '' : ` but ${notice.except}`}`;
    case 'dialog': {
      const { watcher, callId } = notice.subscription;
      const last = notice.ends === undefined ? '' : `, the last: ${notice.ends}`;
      return `NOTIFY to ${watcher}, Call-ID ${callId}${last}`;
    }
    case 'watcherinfo':
      return `NOTIFY to who watches the watchers: ${notice.state}`;
  }
}

function time(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
