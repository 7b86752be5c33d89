// Owns the module presence_dialoginfo: offers the event package dialog to presence, so that busy lamps work.
import { defineModule } from '../../core/api';
import { type EventPackage, eventPackages, ruleFormats } from '../presence/api';
import { composeDialogInfo } from './compose';
import { readDialogInfo } from './document';
import { params } from './params';
import { dialogRules } from './rules';

const dialogInfo = 'application/dialog-info+xml';

export default defineModule({
  name: 'presence_dialoginfo',
  summary: 'Event packages dialog and dialog.winfo: checks published dialog-info and composes it for busy lamps.',
  depends: ['presence'],
  params,
  setup(ctx, initial) {
    let current = initial;
    const dialog: EventPackage = {
      name: 'dialog',
      get defaultExpires() {
        return current.defaultExpires;
      },
      publishTypes: [dialogInfo],
      notifyTypes: [dialogInfo],
      // RFC 6665 §4.2.1.1 knows no other success; the 202 of the seed is for presence.
      subscribeStatus: 200,
      forceActive: initial.forceActive,
      check: readDialogInfo,
      compose: (presentity, publications, revision) =>
        composeDialogInfo(presentity, publications, revision, current.forceSingleDialog),
    };
    ctx.provide(eventPackages, dialog.name, dialog);
    ctx.provide(ruleFormats, dialog.name, dialogRules);
    return {
      configure(changed) {
        current = changed;
      },
    };
  },
});
