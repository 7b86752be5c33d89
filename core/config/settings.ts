// Owns the core's own settings, the keys under `core:`, declared like the parameters of a module.
import { logLevels } from '../base/logging';
import { declareParams, type ParamValues } from '../base/params';

const headerText = (value: string) =>
  /^[\x20-\x7e]*$/.test(value) ? undefined : 'must be printable ASCII: it goes into a header';

/** What `core:` may hold. Defaults of limits are those of the SIP floor; a test compares them. */
export const coreSettings = declareParams({
  log_level: {
    type: 'string',
    oneOf: logLevels,
    default: 'info',
    live: true,
    doc: 'Lines below this level are not written.',
  },
  log_format: {
    type: 'string',
    oneOf: ['text', 'json'],
    default: 'text',
    doc: 'How lines are written to stderr: for people, or one JSON object a line.',
  },
  max_while_loops: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 100_000_000,
    live: true,
    doc: 'Turns that all loops of one run of the routing script may take together; one more ends it with 500.',
  },
  script_timeout: {
    type: 'integer',
    default: 30,
    min: 1,
    max: 3600,
    unit: 's',
    live: true,
    doc: 'A run of the routing script that has not ended by then is ended, and its request answered 500.',
  },
  max_headers: {
    type: 'integer',
    default: 256,
    min: 16,
    max: 65_536,
    doc: 'Header lines of a message; one more is answered 400.',
  },
  max_header_bytes: {
    type: 'integer',
    default: 32_768,
    min: 1024,
    max: 1_048_576,
    unit: 'bytes',
    doc: 'Longest start line and headers of a message; more is answered 513.',
  },
  max_body_bytes: {
    type: 'integer',
    default: 262_144,
    min: 1024,
    max: 67_108_864,
    unit: 'bytes',
    doc: 'Longest body of a message that comes over a connection; more is answered 413. A datagram is bounded by UDP itself.',
  },
  tcp_max_connections: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: 'Connections open at once; one more is closed as soon as it is accepted.',
  },
  tcp_max_connections_per_source: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 1_000_000,
    doc: 'Connections open at once from and to one address.',
  },
  tcp_idle_timeout: {
    type: 'integer',
    default: 3900,
    min: 1,
    max: 604_800,
    unit: 's',
    doc: 'A connection that carries nothing in either direction for so long is closed. Longer than a subscription, so that a watcher without keep-alives still gets its NOTIFY.',
  },
  tcp_message_timeout: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 3600,
    unit: 's',
    doc: 'How long a message may take from its first byte to its last, and an accepted connection until its first message.',
  },
  tcp_connect_timeout: {
    type: 'integer',
    default: 5000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    doc: 'How long opening a connection may take.',
  },
  tcp_max_queued_bytes: {
    type: 'integer',
    default: 1_048_576,
    min: 65_536,
    max: 1_073_741_824,
    unit: 'bytes',
    doc: 'What may wait for a peer that does not read; one more message drops the connection.',
  },
  udp_buffer_bytes: {
    type: 'integer',
    default: 4_194_304,
    min: 65_536,
    max: 1_073_741_824,
    unit: 'bytes',
    doc: 'Receive and send buffer asked of the kernel for a UDP socket.',
  },
  sip_t1: {
    type: 'integer',
    default: 500,
    min: 10,
    max: 10_000,
    unit: 'ms',
    doc: 'RFC 3261 timer T1, the round-trip estimate: first retransmission interval; 64 times T1 is a transaction’s end.',
  },
  sip_t2: {
    type: 'integer',
    default: 4000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    doc: 'RFC 3261 timer T2, the longest interval between retransmissions.',
  },
  sip_t4: {
    type: 'integer',
    default: 5000,
    min: 10,
    max: 60_000,
    unit: 'ms',
    doc: 'RFC 3261 timer T4, how long a message may linger in the network.',
  },
  user_agent: {
    type: 'string',
    default: 'Rollcall',
    check: headerText,
    doc: 'User-Agent of requests that the server sends; empty: none.',
  },
});

export type CoreSettings = ParamValues<typeof coreSettings>;
