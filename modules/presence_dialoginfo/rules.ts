// Owns what pres-rules mean for calls: who is let in sees all of them, because RFC 5025 has no transformation for a dialog.
import type { CompiledRules, RuleFormat, RuleInput, RuleOutcome, View } from '../presence/api';
import { compileRules } from '../presence_xml/api';

/** Presence knows the name: the composed document as it is. */
const everything: View = { key: 'everything', grantsNothing: false };

/** The presentity's presence rules, read for its calls. */
export const dialogRules: RuleFormat = {
  docType: 2,
  compile(document) {
    const compiled = compileRules(document);
    return compiled.ok ? { ...compiled, rules: new DialogRules(compiled.rules) } : compiled;
  },
};

class DialogRules implements CompiledRules {
  constructor(private readonly rules: CompiledRules) {}

  evaluate(input: RuleInput): RuleOutcome {
    const outcome = this.rules.evaluate(input);
    return {
      handling: outcome.handling,
      view: everything,
      get grants() {
        return outcome.handling === 'allow' ? 'all calls' : 'nothing';
      },
      get explanation() {
        return outcome.explanation;
      },
    };
  }

  nextChange(now: number): number {
    return this.rules.nextChange(now);
  }

  describe(): readonly string[] {
    return this.rules.describe();
  }
}
