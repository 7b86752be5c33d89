// Owns the routes of xhttp itself: whether the server lives, whether it can serve, and the control commands.
import type { Control, Health } from '../../core/api';
import type { HttpRoute } from './api';

/** What a supervisor or a load balancer asks: both are open, and tell no more than that. */
export function healthRoutes(health: () => Health): ReadonlyMap<string, HttpRoute> {
  return new Map<string, HttpRoute>([
    [
      'GET /healthz',
      { summary: 'The process answers.', access: 'open', handle: () => ({ status: 200, body: 'alive\n' }) },
    ],
    [
      'GET /readyz',
      {
        summary: 'The sockets are open and the database answers; else 503 with what is in the way.',
        access: 'open',
        async handle() {
          const problems = await health().problems();
          if (problems.length === 0) return { status: 200, body: 'ready\n' };
          return { status: 503, body: problems.map((problem) => `${problem}\n`).join('') };
        },
      },
    ],
  ]);
}

/** The commands of the control socket. Whoever may call them may do anything: only with a token. */
export function controlRoute(control: () => Control): HttpRoute {
  return {
    summary: 'JSON-RPC 2.0: the commands of the control socket.',
    access: 'token',
    async handle({ body, gone }) {
      const answer = await control().serve(body.toString('utf8'), gone);
      if (answer === undefined) return { status: 204 };
      return { status: 200, headers: { 'content-type': 'application/json' }, body: answer };
    },
  };
}
