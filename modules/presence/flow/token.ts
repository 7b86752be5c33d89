// Owns flow tokens (RFC 5626 §5.2): a connection's name, signed, so that nobody but the nodes of one cluster can make one.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseFlowKey } from '../../../core/api';

/** 128 bits of the signature. */
const macBytes = 16;
/** The secret signs nothing else with this prefix. */
const purpose = 'rollcall flow ';

/** The token of a flow key such as `tcp:10.0.0.1:5060>192.0.2.7:40012`: letters, digits, `-` and `_`. */
export function flowToken(secret: string, key: string): string {
  return Buffer.concat([macOf(secret, key), Buffer.from(key, 'latin1')]).toString('base64url');
}

/** The flow key of a token; undefined when this secret did not sign it. */
export function keyOfToken(secret: string, token: string): string | undefined {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length <= macBytes) return undefined;
  const key = bytes.toString('latin1', macBytes);
  if (!timingSafeEqual(bytes.subarray(0, macBytes), macOf(secret, key))) return undefined;
  return parseFlowKey(key) && key;
}

function macOf(secret: string, key: string): Buffer {
  return createHmac('sha256', secret).update(`${purpose}${key}`, 'latin1').digest().subarray(0, macBytes);
}
