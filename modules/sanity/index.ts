// Owns the module sanity: makes the chosen checks, and answers the first that fails.
import { defineModule, type RoutedRequest, SipError } from '../../core/api';
import { chosenChecks } from './checks';
import { params } from './params';

export default defineModule({
  name: 'sanity',
  summary: 'Checks requests for what no client should send, and answers those that fail.',
  params,
  setup(_ctx, initial) {
    let current = initial;
    let proxyRequire = optionTags(initial.proxyRequire);
    return {
      functions: {
        sanity_check: {
          summary: 'Whether the request passes every check. When it is false, the request has been answered.',
          args: [
            { name: 'req', type: 'request' },
            {
              name: 'msg_checks',
              type: 'number',
              optional: true,
              doc: 'sum of checks, default_msg_checks when left out',
            },
            {
              name: 'uri_checks',
              type: 'number',
              optional: true,
              doc: 'sum of URIs, default_uri_checks when left out',
            },
          ],
          returns: 'boolean',
          waits: false,
          call(req, messageChecks = current.defaultMsgChecks, uriChecks = current.defaultUriChecks) {
            const request = req as RoutedRequest;
            const options = { uriChecks: uriChecks as number, proxyRequire };
            return passes(request, messageChecks as number, options);
          },
        },
      },
      configure(changed) {
        current = changed;
        proxyRequire = optionTags(changed.proxyRequire);
      },
    };
  },
});

function passes(
  request: RoutedRequest,
  chosen: number,
  options: { uriChecks: number; proxyRequire: Set<string> },
): boolean {
  try {
    for (const check of chosenChecks(chosen)) check(request.message, options);
    return true;
  } catch (error) {
    if (!(error instanceof SipError)) throw error;
    request.reply(error.status, error.reason, { headers: error.headers, stateless: true });
    return false;
  }
}

function optionTags(list: string): Set<string> {
  const tags = list.split(',').map((tag) => tag.trim().toLowerCase());
  return new Set(tags.filter((tag) => tag !== ''));
}
