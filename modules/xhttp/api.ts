// Owns what other modules may know of xhttp: the routes they offer are answered while they are loaded.
import { extensionPoint } from '../../core/api';

export interface HttpRequest {
  /** In capitals. HEAD comes to a route as GET, and its answer leaves without the body. */
  readonly method: string;
  /** As sent, percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** At most `max_body` bytes, empty when there is none. */
  readonly body: Buffer;
  /** The address of the peer. */
  readonly source: string;
  /** Aborted when the peer has gone. */
  readonly gone: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Without Content-Length. Content-Type is text/plain when none is given. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface HttpRoute {
  /** One sentence for the list of routes. */
  readonly summary: string;
  /**
   * `token`: only who shows the token of xhttp, or when none is set who comes from this machine. `open`: everybody; the route
   * itself decides.
   */
  readonly access: 'token' | 'open';
  /** What it throws is logged and answered 500. */
  handle(request: HttpRequest): HttpAnswer | Promise<HttpAnswer>;
}

/** Keyed `GET /metrics`, or `PUT /xcap-root/*` for all paths that begin so; of several the longest counts. */
export const httpRoutes = extensionPoint<HttpRoute>('xhttp.routes');
