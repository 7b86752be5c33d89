// Owns the module textops: looking at a request and changing its headers, or those of its answer, before modules see them.
import { defineModule, type RoutedRequest, type ScriptArg, type ScriptFunction } from '../../core/api';
import { readHeaderLines, replyLines } from './headers';
import { params } from './params';

const req: ScriptArg = { name: 'req', type: 'request' };
const name: ScriptArg = { name: 'name', type: 'string', doc: 'of the header; letter case does not matter' };
const lines: ScriptArg = { name: 'text', type: 'string', doc: "header lines, 'Name: value\\r\\n'" };

/** A function that answers at once, and whether something is so. */
function test(
  summary: string,
  args: readonly ScriptArg[],
  call: (request: RoutedRequest, text: string | undefined) => boolean,
): ScriptFunction {
  return {
    summary,
    args,
    returns: 'boolean',
    waits: false,
    call: (request, text) => call(request as RoutedRequest, text as string | undefined),
  };
}

const functions: Readonly<Record<string, ScriptFunction>> = {
  is_method: test(
    'Whether the method is one of these.',
    [req, { name: 'methods', type: 'string', doc: "separated by '|': 'PUBLISH|SUBSCRIBE'" }],
    ({ message }, methods = '') => methods.split('|').some((method) => method.trim() === message.method),
  ),
  has_totag: test(
    'Whether To has a tag: the request is then inside a dialog.',
    [req],
    ({ message }) => message.toTag !== undefined,
  ),
  has_body: test(
    'Whether there is a body, and, when a type is given, whether it is of that type.',
    [req, { name: 'type', type: 'string', optional: true, doc: "a media type: 'application/pidf+xml'" }],
    ({ message }, type) =>
      message.body.length > 0 && (type === undefined || message.contentType?.type === type.trim().toLowerCase()),
  ),
  is_present_hf: test(
    'Whether the request has the header.',
    [req, name],
    ({ message }, header = '') => message.header(header) !== undefined,
  ),
  append_hf: test('Adds header lines after the last one of the request.', [req, lines], ({ message }, text = '') => {
    for (const line of readHeaderLines(text)) message.appendHeader(line.name, line.value);
    return true;
  }),
  insert_hf: test('Adds header lines before the first one of the request.', [req, lines], ({ message }, text = '') => {
    for (const line of readHeaderLines(text).reverse()) message.insertHeader(line.name, line.value);
    return true;
  }),
  remove_hf: test(
    'Takes every line of a header out of the request. False when there was none.',
    [req, name],
    ({ message }, header = '') => message.removeHeader(header) > 0,
  ),
  append_to_reply: test(
    'Adds header lines to the answer of this request, whichever function gives it.',
    [req, lines],
    (request, text = '') => {
      request.replyHeaders += replyLines(text);
      return true;
    },
  ),
};

export default defineModule({
  name: 'textops',
  summary: 'Looks at requests and edits headers: modules called afterwards see the request as edited.',
  params,
  setup: () => ({ functions }),
});
