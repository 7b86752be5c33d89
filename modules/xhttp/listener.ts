// Owns the HTTP socket: fastify in front of the routes that modules offer at the moment.
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../../core/api';
import type { HttpAddress } from './address';
import type { HttpAnswer, HttpRequest, HttpRoute } from './api';
import type { Guard } from './guard';
import { findRoute } from './routes';

export interface ListenerOptions {
  readonly routes: ReadonlyMap<string, HttpRoute>;
  readonly guard: Guard;
  readonly maxBody: number;
  readonly maxConnections: number;
  readonly log: Logger;
}

/** ms that a request may take to arrive, and a connection may rest between two. */
const requestTimeout = 10_000;
const keepAliveTimeout = 30_000;
/** ms that requests in flight may take once the listener is closed. */
const lastRequests = 2000;
const noBody = Buffer.alloc(0);

export class Listener {
  readonly #app: FastifyInstance;
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#app = fastify({
      bodyLimit: options.maxBody,
      requestTimeout,
      keepAliveTimeout,
      // A wrong path is what a route says it is, not what a router makes of it.
      routerOptions: { maxParamLength: 4096 },
    });
    this.#app.server.maxConnections = options.maxConnections;
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    this.#app.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
      const status = error.statusCode ?? 500;
      if (status >= 500) options.log.error({ err: error }, 'an HTTP request failed');
      send(reply, text(status, status === 413 ? 'too large' : status >= 500 ? 'internal error' : 'bad request'));
    });
    this.#app.all('/*', (request, reply) => this.#serve(request, reply));
  }

  /** Rejects with the system's error when the address cannot be had. @returns the actual port */
  async open({ address, port }: HttpAddress): Promise<number> {
    await this.#app.listen({ host: address, port, exclusive: true });
    const bound = this.#app.server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : port;
  }

  /** The port is free at once; requests in flight have a moment to finish. */
  close(): void {
    const { server } = this.#app;
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), lastRequests).unref();
  }

  async #serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { routes, guard, log } = this.#options;
    const { pathname, searchParams } = split(request.raw.url ?? '/');
    const found = findRoute(routes, request.method, pathname);
    if (found === undefined) return send(reply, text(404, 'there is nothing here'));
    if ('allow' in found) return send(reply, text(405, 'not this method', { allow: found.allow.join(', ') }));
    const { route } = found;
    const source = request.socket.remoteAddress ?? '';
    if (!guard.admits(route, request.headers.authorization, source)) {
      return send(reply, text(401, 'show the token', { 'www-authenticate': 'Bearer' }));
    }
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const asked: HttpRequest = {
      method: request.method === 'HEAD' ? 'GET' : request.method,
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: Buffer.isBuffer(request.body) ? request.body : noBody,
      source,
      gone: gone.signal,
    };
    try {
      send(reply, await route.handle(asked));
    } catch (error) {
      log.error({ err: error, path: pathname }, 'an HTTP route failed');
      send(reply, text(500, 'internal error'));
    }
  }
}

function split(url: string): { pathname: string; searchParams: URLSearchParams } {
  const mark = url.indexOf('?');
  const pathname = mark < 0 ? url : url.slice(0, mark);
  return { pathname, searchParams: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)) };
}

/** A short answer in words. */
export function text(status: number, words: string, headers: HttpAnswer['headers'] = {}): HttpAnswer {
  return { status, headers, body: `${words}\n` };
}

function send(reply: FastifyReply, { status, headers = {}, body = '' }: HttpAnswer): void {
  reply.code(status).headers({ 'content-type': 'text/plain; charset=utf-8', ...headers });
  reply.send(body);
}
