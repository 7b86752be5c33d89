// Owns how long the texts of a record may be: the sizes of Kamailio's columns, which a request must not exceed.

/** Characters. What is longer is refused before anything is decided: a column that overflows fails the whole commit. */
export const sizes = {
  user: 64,
  domain: 64,
  event: 64,
  eventId: 64,
  etag: 128,
  tag: 128,
  callId: 255,
  uri: 255,
  reason: 64,
  socket: 64,
  source: 128,
  userAgent: 255,
  displayName: 255,
  watcherId: 32,
  contentType: 64,
  view: 128,
} as const;
