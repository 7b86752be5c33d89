// Owns the answering of HTTP requests: fastify in front of the routes that modules offer at the moment.
import type { RequestListener } from 'node:http';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../../core/api';
import type { HttpAnswer, HttpRequest, HttpRoute } from './api';
import type { Guard } from './guard';
import { findRoute } from './routes';

export interface SiteOptions {
  readonly routes: ReadonlyMap<string, HttpRoute>;
  readonly guard: Guard;
  readonly maxBody: number;
  readonly log: Logger;
}

const noBody = Buffer.alloc(0);

/** Makes what is to be called with each request. It belongs to no socket: see `HttpSocket`. */
export async function openSite(options: SiteOptions): Promise<RequestListener> {
  const app = fastify({
    bodyLimit: options.maxBody,
    // A wrong path is what a route says it is, not what a router makes of it.
    routerOptions: { maxParamLength: 4096 },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) options.log.error({ err: error }, 'an HTTP request failed');
    send(reply, text(status, status === 413 ? 'too large' : status >= 500 ? 'internal error' : 'bad request'));
  });
  app.all('/*', (request, reply) => serve(options, request, reply));
  await app.ready();
  return app.routing as RequestListener;
}

async function serve(options: SiteOptions, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { routes, guard, log } = options;
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
