// Owns the module presence_xml: offers the event package presence, its rules and the watcherinfo format to presence.
import { defineModule } from '../../core/api';
import { type EventPackage, eventPackages, ruleFormats, watcherinfoFormats } from '../presence/api';
import { composePidf } from './compose';
import { checkPidf } from './inspect';
import { params } from './params';
import { rulesCommand } from './rules/command';
import { compileRules } from './rules/compile';
import { transformPidf } from './rules/transform';
import { sphereOf } from './sphere';
import { renderWatcherinfo } from './watcherinfo';

const pidf = 'application/pidf+xml';
const watcherinfo = 'application/watcherinfo+xml';

export default defineModule({
  name: 'presence_xml',
  summary:
    'Event packages presence and presence.winfo: checks and composes PIDF, applies pres-rules, writes watcherinfo.',
  depends: ['presence'],
  params,
  setup(ctx, initial) {
    let current = initial;
    const presence: EventPackage = {
      name: 'presence',
      get defaultExpires() {
        return current.defaultExpires;
      },
      publishTypes: [pidf],
      notifyTypes: [pidf],
      subscribeStatus: 202,
      check: checkPidf,
      compose: composePidf,
      transform: transformPidf,
      sphere: sphereOf,
    };
    ctx.provide(eventPackages, presence.name, presence);
    ctx.provide(ruleFormats, presence.name, { docType: 2, compile: compileRules });
    ctx.provide(watcherinfoFormats, watcherinfo, { suffix: 'winfo', type: watcherinfo, render: renderWatcherinfo });
    return {
      commands: { rules: rulesCommand },
      configure(changed) {
        current = changed;
      },
    };
  },
});
