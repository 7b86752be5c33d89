// Owns the module xhttp: HTTP for the routes that it and other modules offer.
import { control, defineModule, health } from '../../core/api';
import { isLoopback, parseAddress } from './address';
import { httpRoutes } from './api';
import { Guard } from './guard';
import { controlRoute, healthRoutes } from './own';
import { params } from './params';
import { openSite } from './site';
import { type Handover, HttpSocket } from './socket';

/** ms after which an address that could not be had is tried again. */
const tryAgain = 2000;

export default defineModule({
  name: 'xhttp',
  summary: 'Serves HTTP: whether the server is ready, control commands with a token, and the routes of other modules.',
  params,
  stateVersion: 1,
  async setup(ctx, { listen, token, maxBody, maxConnections }, saved) {
    for (const [key, route] of healthRoutes(() => ctx.use(health))) ctx.provide(httpRoutes, key, route);
    if (token !== undefined)
      ctx.provide(
        httpRoutes,
        'POST /rpc',
        controlRoute(() => ctx.use(control)),
      );
    const inherited = saved === undefined ? undefined : HttpSocket.takeOver(saved as Handover);
    const address = listen === undefined ? undefined : parseAddress(listen);
    if (address === undefined || typeof address === 'string') {
      ctx.whenListening(() => inherited?.close());
      return {};
    }
    if (token === undefined && !isLoopback(address.address)) {
      ctx.log.warn({ listen }, 'no token is set: routes that ask for it are served to this machine only');
    }
    const site = await openSite({ routes: ctx.collect(httpRoutes), guard: new Guard(token), maxBody, log: ctx.log });
    let socket: HttpSocket | undefined;
    let ended = false;
    let complained = false;
    const take = (opened: HttpSocket) => {
      socket = opened;
      opened.serve(site, maxConnections, ctx.log);
    };
    const open = async () => {
      try {
        const opened = await HttpSocket.open(address);
        if (ended) return opened.close();
        take(opened);
        ctx.log.info({ address: address.address, port: opened.port }, 'HTTP is served');
      } catch (error) {
        if (ended) return;
        if (!complained) ctx.log.error({ err: error, listen }, 'HTTP cannot be served there; it is tried again');
        complained = true;
        ctx.after(tryAgain, open);
      }
    };
    ctx.whenListening(() => {
      if (inherited?.isAt(address)) return take(inherited);
      inherited?.close();
      return open();
    });
    ctx.whenStopping(() => {
      ended = true;
      socket?.close();
    });
    return {
      save: () => {
        ended = true;
        return socket?.handover;
      },
    };
  },
});
