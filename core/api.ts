// Owns what a module may use of the core: everything a module imports that is not its own stands here.

export type { Clock } from './base/clock';
export { idleTime, seconds } from './base/clock';
export { RollcallError, SipError } from './base/errors';
export { hashText } from './base/hash';
export { Heap } from './base/heap';
export type { Logger, LogLevel, LogMethod } from './base/logger';
export type {
  Counter,
  Family,
  Histogram,
  HistogramSample,
  MetricReading,
  MetricSpec,
  Metrics,
  Sample,
} from './base/metrics';
export type { ParamDeclaration, ParamDeclarations, ParamValue, ParamValues, Unit } from './base/params';
export { declareParams } from './base/params';
export type { Random } from './base/random';
export { RecentMemo } from './base/recent-memo';
export { sameAs, share } from './base/share';
export { SmallMap } from './base/small-map';
export type { Trail } from './base/trail';
export type { TimerWheel, WheelTimer } from './base/wheel';
export type {
  Change,
  Condition,
  Database,
  DatabaseDriver,
  DatabaseUrl,
  Guard,
  Outcome,
  Row,
  Select,
  Table,
  TableStep,
  Value,
  Write,
} from './db/database';
export { ConstraintViolated, DatabaseUnavailable } from './db/database';
export * from './db/driver';
export { openMemoryDatabase } from './db/memory';
export type { SourceDatabase, SourceTable, Takeover, Tally } from './db/takeover';
export { TakeoverReport } from './db/takeover';
export type { ModuleContext, SipServices } from './module/context';
export { databaseUrlParam } from './module/databases';
export type { Elsewhere, ModuleDeclaration, ModuleDefinition, ModuleInstance } from './module/define';
export { defineModule } from './module/define';
export type { Command, ScriptArg, ScriptFunction } from './module/function';
export { type Control, control, type Health, health } from './module/offered';
export type { ExtensionPoint, ServiceToken } from './module/points';
export { databaseDrivers, extensionPoint, requestTakers, service, takeovers } from './module/points';
export type { EventRouteInput, RoutedRequest } from './module/request';
export type { EventHeader, MediaType, NameAddr, Via } from './sip/headers';
export {
  formatNameAddr,
  parseAccept,
  parseContact,
  parseContentType,
  parseEvent,
  parseNameAddr,
  parseNameAddrs,
  parseVia,
  splitCommas,
  uriOf,
} from './sip/headers';
export type { SipRequest, SipResponse } from './sip/message';
export type { ReplyOptions } from './sip/reply';
export { buildReply } from './sip/reply';
export type { Resolver, Target } from './sip/resolver';
export { decodeUtf8, detach, encodeUtf8, isToken, oneLine, quote } from './sip/text';
export type {
  ClientOutcome,
  ClientRequest,
  ClientTransaction,
  ServerTransaction,
  TransactionLayer,
} from './sip/transaction/layer';
export type { Endpoint, Flow, Outgoing, Protocol } from './sip/transport/flow';
export { hostPort, parseFlowKey } from './sip/transport/flow';
export type { ListenPoint, TransportLayer } from './sip/transport/layer';
export type { SipUri } from './sip/uri';
export { addressOfRecord, formatUri, parseUri } from './sip/uri';
