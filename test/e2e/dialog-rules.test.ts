// Tests who may see calls while rules decide: everybody by default, whom the presentity's rules let in where the operator wants it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialog, dialogInfo, lamp, see } from '../modules/presence_dialoginfo/dialogs';
import { newPresentity } from '../support/phone';
import { rule, ruledServer, ruleset } from '../support/ruled-server';
import type { Notify } from '../support/sip-ua';

const type = 'application/dialog-info+xml';

/** The state, and what a lamp shows. */
function told({ state, stateParams, body }: Notify): string {
  const reason = /reason=([\w;=-]+)/.exec(stateParams)?.[1] ?? '';
  return [state, reason, ...(body === '' ? [] : [lamp(body).join(' ') || 'dark'])]
    .filter((part) => part !== '')
    .join(' ');
}

for (const [name, forceActive] of [
  ['open to everybody, as they are by default', undefined],
  ['ruled by the presentity', 0],
] as const) {
  describe(`calls ${name}, with force_active 0 of presence`, () => {
    const here = ruledServer('sip:desk@localhost', {
      loadmodule: ['presence_dialoginfo'],
      modparam: forceActive === undefined ? [] : [['presence_dialoginfo', 'force_active', forceActive]],
    });

    const publish = async (presentity: string, state: string) => {
      const body = dialogInfo(dialog('d', state)).replace('sip:alice@example.com', presentity);
      assert.equal((await here.ua.publish(presentity, { event: 'dialog', contentType: type, body })).status, 200);
    };
    const watch = async (presentity: string, from: string) =>
      (await here.ua.subscribe(presentity, { event: 'dialog', from })).dialog;

    if (forceActive === undefined) {
      test('a lamp is lit whatever the rules about presence say, and without any', async () => {
        for (const rules of [undefined, ruleset(rule('a', 'block'))]) {
          const presentity = newPresentity();
          here.ruled.write(presentity, rules);
          const desk = await watch(presentity, 'sip:desk@localhost');
          assert.equal(told(await desk.next()), 'active dark');
          await publish(presentity, 'early');
          assert.equal(told(await desk.next()), 'active d=early');
          const presence = (await here.ua.subscribe(presentity)).dialog;
          assert.notEqual((await presence.next()).state, 'active', 'presence stays ruled');
        }
      });
    } else {
      test('each is told what the rules say of him, calls are seen whole or not at all', async () => {
        const presentity = newPresentity();
        here.ruled.write(
          presentity,
          ruleset(
            rule('a', 'allow', '<one id="sip:friend@h"/>', '') +
              rule('b', 'polite-block', '<one id="sip:boss@h"/>') +
              rule('c', 'confirm', '<one id="sip:new@h"/>') +
              rule('d', 'block', '<one id="sip:eve@h"/>') +
              rule('e', 'allow', '<many domain="h"/>', '', '<sphere value="work"/>'),
          ),
        );
        await publish(presentity, 'early');
        const said = async (user: string) => {
          const lampOf = await watch(presentity, `sip:${user}@h`);
          return { lampOf, first: told(await lampOf.next()) };
        };
        const friend = await said('friend');
        const boss = await said('boss');
        const others = [await said('new'), await said('eve'), await said('stranger')];
        assert.deepEqual(
          [friend, boss, ...others].map(({ first }) => first),
          ['active d=early', 'active dark', 'pending', 'terminated rejected', 'terminated rejected'],
        );
        await publish(presentity, 'confirmed');
        assert.equal(told(await friend.lampOf.next()), 'active d=confirmed');
        await boss.lampOf.send(300);
        const quiet = await boss.lampOf.next();
        assert.equal(told(quiet), 'active dark');
        assert.equal(see(quiet.body).version, '0', 'nothing counts the calls');
        assert.equal(boss.lampOf.notifies.length, 2);
      });

      test('without rules a lamp is pending; they act when they are applied to its package', async () => {
        const presentity = newPresentity();
        await publish(presentity, 'early');
        const desk = await watch(presentity, 'sip:desk@localhost');
        assert.equal(told(await desk.next()), 'pending');
        here.ruled.write(presentity, ruleset(rule('a', 'allow', '<one id="sip:desk@localhost"/>', '')));
        assert.equal(await here.ruled.ask(here.ua, presentity, 'update dialog'), 200);
        assert.equal(told(await desk.next()), 'active d=early');
        here.ruled.write(presentity, undefined);
        assert.equal(await here.ruled.ask(here.ua, presentity, 'update dialog'), 200);
        assert.equal(told(await desk.next()), 'terminated probation');
      });
    }

    test('the list of those who watch calls is the presentity’s own', async () => {
      const presentity = newPresentity();
      const { response } = await here.ua.subscribe(presentity, { event: 'dialog.winfo', from: 'sip:eve@h' });
      assert.equal(response.status, 403);
      const own = await here.ua.subscribe(presentity, { event: 'dialog.winfo', from: presentity });
      assert.equal((await own.dialog.next()).state, 'active');
    });

    test('a script ends a lamp with a reason and a time after which it may come back', async () => {
      const presentity = newPresentity();
      const desk = await watch(presentity, 'sip:desk@localhost');
      await desk.next();
      assert.equal(
        await here.ruled.ask(here.ua, presentity, 'terminate dialog probation;retry-after=30', 'sip:desk@LOCALHOST'),
        200,
      );
      assert.equal(told(await desk.next()), 'terminated probation;retry-after=30');
      assert.equal(
        await here.ruled.ask(here.ua, presentity, 'terminate dialog', 'sip:desk@localhost'),
        404,
        'it is gone',
      );
    });
  });
}
