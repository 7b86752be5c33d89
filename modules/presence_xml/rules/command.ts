// Owns the check of a rules document by hand: whether it can be used, and what it means in words.
import { type Command, RollcallError } from '../../../core/api';
import { compileRules } from './compile';

/** `presence_xml.rules DOCUMENT`: what `rollcall rules FILE` asks. */
export const rulesCommand: Command = {
  summary: 'Checks a rules document (RFC 4745, RFC 5025) and says what it means in words.',
  args: [{ name: 'document', doc: 'its text' }],
  run: ([document = '']) => {
    const compiled = compileRules(Buffer.from(document));
    if (!compiled.ok) {
      throw new RollcallError(compiled.reason, {
        hint: 'a presentity with this document lets nobody in: all watchers are pending',
      });
    }
    return { rules: compiled.rules.describe(), warnings: compiled.warnings };
  },
};
