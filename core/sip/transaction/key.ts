// Owns the identity of a server transaction: which requests are the same request sent again.
import { createHash } from 'node:crypto';
import { hashText } from '../../base/hash';
import type { SipRequest } from '../message';

/** With its hash, because several tables are asked for it. */
export interface TransactionKey {
  readonly text: string;
  readonly hash: number;
}

const magicCookie = 'z9hG4bK';
/** Longer keys are replaced by their hash, so that what is kept about a request has a bounded size. */
const maxKeyLength = 256;

/**
 * RFC 3261 §17.2.3 matches branch, sent-by and method. Real clients need more: libpurple repeats a challenged request with
 * the same branch and the next CSeq, and all its processes make the same branches in the same order, so CSeq number and
 * source address are in the key too. Without the magic cookie (RFC 2543) Request-URI, tags, Call-ID, CSeq and top Via stand in
 * for the branch.
 * @param method of the transaction looked for, where it is not the request's own: that of the request a CANCEL is for
 * @throws SipError 400 when Via, CSeq or, for RFC 2543, another header it needs is missing or broken
 */
export function transactionKey(request: SipRequest, method: string = request.method): TransactionKey {
  const via = request.via;
  const head = `${method} ${request.cseq.number} ${request.source?.address ?? ''} ${via.host}:${via.port ?? ''}`;
  const branch = via.branch;
  const key = branch?.startsWith(magicCookie)
    ? `${head} ${branch}`
    : `${head} ${branch ?? ''} ${request.uri} ${request.callId} ${request.fromTag ?? ''} ${request.toTag ?? ''}`;
  const text = key.length <= maxKeyLength ? key : createHash('sha256').update(key, 'latin1').digest('base64');
  return { text, hash: hashText(text) };
}
