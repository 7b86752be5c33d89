// Owns the routes between nodes: how a watcher's connection is named in its dialog, and which connection a request asks for.
import { formatUri, parseUri, type SipRequest, type SipUri } from '../../../core/api';
import { sizes } from '../sizes';
import { flowToken, keyOfToken } from './token';

export class FlowRoutes {
  private readonly address: SipUri;

  /** @param address SIP URI of this node */
  constructor(
    private readonly secret: string,
    address: string,
  ) {
    const parsed = parseUri(address);
    if (!parsed) throw new Error(`no SIP URI: ${address}`);
    this.address = parsed;
  }

  /** The route by which other nodes reach who sends on a flow of this one. */
  of(source: string): string {
    const user = flowToken(this.secret, source);
    const route = `<${formatUri({ ...this.address, user })};lr>`;
    // What has no room cannot be stored; then only this node can notify the watcher.
    return route.length <= sizes.uri ? route : '';
  }

  /** The flow key that the topmost Route of a request asks for; undefined when it is no route that a node of ours has made. */
  asked(request: SipRequest): string | undefined {
    const uri = parseUri(request.routes[0]?.uri ?? '');
    return uri && keyOfToken(this.secret, uri.user);
  }
}
