// Holds permissions to a model: whatever rules, publications and lives of the process do, each watcher knows what it may, and no more.
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Engine } from './engine';
import { publishText } from './requests';
import { openRuled, pidf, rule, ruleset, services, watch } from './ruled';

const seed = 20260202;
const watchers = ['bob', 'eve'];

type Grant = 'all' | 'services' | 'attributes' | 'polite-block' | 'confirm' | 'block';
type Step =
  | { do: 'rules'; grants: readonly Grant[] | undefined }
  | { do: 'publish'; basic: string; note: string }
  | { do: 'unpublish' | 'restart' | 'reload' }
  | { do: 'watch' | 'refresh'; who: number };

const grant = fc.constantFrom<Grant>('all', 'services', 'attributes', 'polite-block', 'confirm', 'block');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('rules'),
    grants: fc.option(fc.tuple(grant, grant), { nil: undefined, freq: 6 }),
  } as const),
  fc.record({
    do: fc.constant('publish'),
    basic: fc.constantFrom('open', 'closed'),
    note: fc.constantFrom('x', 'y'),
  } as const),
  fc.record({ do: fc.constantFrom('unpublish', 'restart', 'reload') } as const),
  fc.record({ do: fc.constantFrom('watch', 'refresh', 'watch'), who: fc.nat(1) } as const),
);

interface Dialog {
  readonly callId: string;
  readonly who: number;
  readonly toTag: string | undefined;
  cseq: number;
  /** What the last NOTIFY must have said, and how many there were. */
  last: string;
  count: number;
}

class World {
  engine!: Engine;
  grants: readonly Grant[] | undefined;
  published: { basic: string; note: string; etag: string } | undefined;
  dialogs: Dialog[] = [];
  private readonly all: Dialog[] = [];
  /** The grant under which each dialog was looked at last. */
  private readonly views = new Map<Dialog, Grant | undefined>();
  private readonly told = new Map<string, { last: string; count: number }>();
  private read = 0;

  async take(action: Step): Promise<void> {
    switch (action.do) {
      case 'rules':
        this.grants = action.grants;
        await rule(this.engine, action.grants && ruleset(...action.grants.map(ruleOf)));
        for (const dialog of [...this.dialogs]) this.expect(dialog, false);
        return;
      case 'publish':
      case 'unpublish':
        return this.publish(action.do === 'publish' ? action : undefined);
      case 'restart':
        await this.engine.presence.housekeeping();
        this.look();
        this.engine = await this.engine.restart();
        this.read = 0;
        return this.engine.quiet();
      case 'reload':
        await this.engine.reload();
        return;
      case 'watch':
        return this.watch(action.who);
      case 'refresh':
        return this.refresh(this.dialogs.find(({ who }) => who === action.who));
    }
  }

  private async publish(content: { basic: string; note: string } | undefined): Promise<void> {
    if (!content && !this.published) return;
    const before = this.dialogs.map((dialog) => this.shown(dialog));
    const body = content && pidf(content.basic, '', content.note);
    const { headers } = await this.engine.handle(
      publishText({
        ...(body === undefined ? { expires: 0 } : { body }),
        ...(this.published ? { ifMatch: this.published.etag } : {}),
      }),
    );
    await this.engine.quiet();
    this.published = content && { ...content, etag: /SIP-ETag: (\S+)/.exec(headers)?.[1] ?? '' };
    for (const [i, dialog] of this.dialogs.entries()) {
      const isTold = this.grantOf(dialog.who) === 'all' || this.shown(dialog) !== before[i];
      dialog.last = this.shown(dialog);
      if (isTold) dialog.count++;
    }
  }

  private async watch(who: number): Promise<void> {
    const callId = `call-${this.all.length}`;
    const { toTag } = await watch(this.engine, watchers[who] ?? '', { callId });
    const dialog = { callId, who, toTag, cseq: 1, last: 'pending', count: 0 };
    this.all.push(dialog);
    this.dialogs.push(dialog);
    this.expect(dialog, true);
  }

  private async refresh(dialog: Dialog | undefined): Promise<void> {
    if (!dialog) return;
    const { callId, who, toTag } = dialog;
    await watch(this.engine, watchers[who] ?? '', { callId, toTag, cseq: ++dialog.cseq });
    this.expect(dialog, true);
  }

  /** A dialog is looked at under the present rules: what it is told then, always or when it is news. */
  private expect(dialog: Dialog, always: boolean): void {
    const before = dialog.last;
    dialog.last = this.shown(dialog);
    if (always || dialog.last !== before || this.isMoved(dialog)) dialog.count++;
    if (dialog.last.startsWith('terminated')) this.dialogs = this.dialogs.filter((each) => each !== dialog);
    this.views.set(dialog, this.grantOf(dialog.who));
  }

  /** Another view that happens to show the same is told too. */
  private isMoved(dialog: Dialog): boolean {
    const name = (grant: Grant | undefined) =>
      grant === 'attributes' || grant === 'polite-block' ? 'closed' : grant === 'confirm' ? undefined : grant;
    return name(this.views.get(dialog)) !== name(this.grantOf(dialog.who));
  }

  private grantOf(who: number): Grant | undefined {
    return this.grants?.[who];
  }

  /** What a NOTIFY now says. */
  private shown(dialog: Dialog): string {
    const grant = this.grantOf(dialog.who);
    const { basic = 'closed', note } = this.published ?? {};
    const id = this.published ? 't' : 'closed';
    switch (grant) {
      case 'all':
        return `active ${id} ${basic} ${note ?? ''}`.trim();
      case 'services':
        return `active ${id} ${basic}`;
      case 'attributes':
      case 'polite-block':
        return 'active closed closed';
      case 'block':
        return 'terminated;reason=rejected';
      case 'confirm':
        return dialog.last === 'pending' ? 'pending' : 'terminated;reason=deactivated';
      default:
        return dialog.last === 'pending' ? 'pending' : 'terminated;reason=probation';
    }
  }

  look(): void {
    const { sent } = this.engine;
    for (; this.read < sent.length; this.read++) {
      const notify = sent[this.read];
      if (!notify) continue;
      const { state, body, callId } = notify;
      const [, id, basic] = /<tuple id="(\w+)">.*?<basic>(\w+)/s.exec(body) ?? [];
      const note = /<note>(\w)/.exec(body)?.[1];
      const last = [state.replace(/;expires=\d+/, ''), id, basic, note].filter((part) => part !== undefined).join(' ');
      this.told.set(callId, { last, count: (this.told.get(callId)?.count ?? 0) + 1 });
    }
  }

  agree(): void {
    this.look();
    for (const { callId, last, count } of this.all) assert.deepEqual(this.told.get(callId), { last, count }, callId);
  }
}

function ruleOf(grant: Grant, who: number) {
  const base = { id: `r${who}`, who: `<one id="sip:${watchers[who]}@example.com"/>` };
  if (grant === 'all') return { ...base, handling: 'allow' };
  if (grant === 'services') return { ...base, handling: 'allow', grant: services };
  if (grant === 'attributes') return { ...base, handling: 'allow', grant: '<pr:provide-all-attributes/>' };
  return { ...base, handling: grant };
}

test(`each watcher is told what it may know, when it changes, and nothing else (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
      const world = new World();
      world.engine = await openRuled({ settings: { maxSubscriptions: 1000 } });
      for (const each of steps) {
        await world.take(each);
        world.agree();
      }
      world.engine.kill();
    }),
    { seed, numRuns: 60, includeErrorInReport: true },
  );
});
