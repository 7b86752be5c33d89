// Owns the compiled rules of one presentity: which match, what they combine to, when that changes, and what they mean.
import type { CompiledRules, Handling, RuleExplanation, RuleInput, RuleOutcome } from '../../presence/api';
import { type Circumstances, type Condition, ValidityCondition } from './conditions';
import { watcherIdentity } from './identity';
import { combine, type GrantedView, type Permissions, viewOf } from './permissions';
import { handlings } from './transformations';
import { describeRule, seen } from './words';

export interface Rule {
  readonly id: string;
  /** All of them have to hold; none are always true. */
  readonly conditions: readonly Condition[];
  /** Undefined: the rule has no sub-handling. */
  readonly handling: Handling | undefined;
  readonly permissions: Permissions;
}

interface Combined {
  readonly handling: Handling | undefined;
  readonly view: GrantedView;
}

/** How many combinations of matching rules are remembered. Watchers share few of them. */
const mostCombinations = 64;

export class Ruleset implements CompiledRules {
  /** By the places of the rules that match. */
  private readonly combinations = new Map<string, Combined>();
  /** The seconds at which a validity begins or ends, rising. */
  private readonly changes: Float64Array;

  constructor(private readonly rules: readonly Rule[]) {
    const conditions = rules.flatMap((rule) => rule.conditions.filter((c) => c instanceof ValidityCondition));
    const seconds = conditions.flatMap(({ spans }) => spans.flatMap(({ from, until }) => [from, until]));
    this.changes = Float64Array.from(seconds).sort();
  }

  evaluate(input: RuleInput): RuleOutcome {
    const circumstances = circumstancesOf(input);
    let places = '';
    const matching: Rule[] = [];
    for (let i = 0; i < this.rules.length; i++) {
      const rule = this.rules[i];
      if (rule === undefined || !matches(rule, circumstances)) continue;
      matching.push(rule);
      places += `${i} `;
    }
    const { handling, view } = this.combination(places, matching);
    return new Outcome(handling, view, this.rules, circumstances);
  }

  private combination(places: string, matching: readonly Rule[]): Combined {
    let combined = this.combinations.get(places);
    if (combined === undefined) {
      const values = matching.map(({ handling }) => handlings.indexOf(handling ?? 'block'));
      const handling = handlings[Math.max(...values)];
      // Whoever is not allowed sees nothing, whatever other rules grant: a polite block looks like nobody there.
      const granted = handling === 'allow' ? matching.map(({ permissions }) => permissions) : [];
      combined = { handling, view: viewOf(combine(granted)) };
      if (this.combinations.size >= mostCombinations) this.combinations.clear();
      this.combinations.set(places, combined);
    }
    return combined;
  }

  nextChange(now: number): number {
    let low = 0;
    let high = this.changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.changes[middle] ?? 0) > now) high = middle;
      else low = middle + 1;
    }
    return this.changes[low] ?? Number.POSITIVE_INFINITY;
  }

  describe(): readonly string[] {
    return this.rules.map(describeRule);
  }
}

function circumstancesOf({ watcher, now, sphere }: RuleInput): Circumstances {
  return { identity: watcherIdentity(watcher), now, sphere };
}

function matches(rule: Rule, circumstances: Circumstances): boolean {
  for (const condition of rule.conditions) if (!condition.holds(circumstances)) return false;
  return true;
}

/** Explains itself when asked: most outcomes never are. */
class Outcome implements RuleOutcome {
  constructor(
    readonly handling: Handling | undefined,
    readonly view: GrantedView,
    private readonly rules: readonly Rule[],
    private readonly circumstances: Circumstances,
  ) {}

  get grants(): string {
    return seen(this.view.permissions);
  }

  get explanation(): readonly RuleExplanation[] {
    return this.rules.map((rule) => ({
      rule: rule.id,
      matched: matches(rule, this.circumstances),
      reasons:
        rule.conditions.length === 0
          ? ['no conditions: the rule always matches']
          : rule.conditions.map((condition) => condition.reason(this.circumstances)),
    }));
  }
}
