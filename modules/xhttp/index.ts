// Owns the module xhttp: HTTP for the routes that it and other modules offer.
import { control, defineModule, health } from '../../core/api';
import { isLoopback, parseAddress } from './address';
import { httpRoutes } from './api';
import { Guard } from './guard';
import { Listener } from './listener';
import { controlRoute, healthRoutes } from './own';
import { params } from './params';

/** ms after which an address that could not be had is tried again. */
const tryAgain = 2000;

export default defineModule({
  name: 'xhttp',
  summary: 'Serves HTTP: whether the server is ready, control commands with a token, and the routes of other modules.',
  params,
  setup(ctx, { listen, token, maxBody, maxConnections }) {
    for (const [key, route] of healthRoutes(() => ctx.use(health))) ctx.provide(httpRoutes, key, route);
    if (token !== undefined)
      ctx.provide(
        httpRoutes,
        'POST /rpc',
        controlRoute(() => ctx.use(control)),
      );
    const address = listen === undefined ? undefined : parseAddress(listen);
    if (address === undefined || typeof address === 'string') return {};
    if (token === undefined && !isLoopback(address.address)) {
      ctx.log.warn({ listen }, 'no token is set: routes that ask for it are served to this machine only');
    }
    const routes = ctx.collect(httpRoutes);
    let listener: Listener | undefined;
    let closed = false;
    let complained = false;
    const open = async () => {
      const next = new Listener({ routes, guard: new Guard(token), maxBody, maxConnections, log: ctx.log });
      try {
        const port = await next.open(address);
        listener = next;
        if (closed) return close();
        ctx.log.info({ address: address.address, port }, 'HTTP is served');
      } catch (error) {
        next.close();
        if (closed) return;
        if (!complained) ctx.log.error({ err: error, listen }, 'HTTP cannot be served there; it is tried again');
        complained = true;
        ctx.after(tryAgain, open);
      }
    };
    const close = () => {
      closed = true;
      listener?.close();
      listener = undefined;
    };
    ctx.whenListening(open);
    ctx.whenStopping(close);
    return { save: close };
  },
});
