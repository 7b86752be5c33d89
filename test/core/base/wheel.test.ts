// Owns what the timer wheel promises: never early, in order, cheap to cancel, calm when clocks jump.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../../core/base/clock';
import { TimerWheel } from '../../../core/base/wheel';
import { ManualClock } from '../../support/clock';

function wheelAndClock() {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const log = { error: (fields: object | string) => void errors.push(fields) };
  const wheel = new TimerWheel(clock, { log });
  clock.onTick(() => wheel.advance());
  return { clock, wheel, errors };
}

describe('timer wheel', () => {
  it('runs a callback once, not early and at most one tick of 10 ms late', () => {
    const { clock, wheel } = wheelAndClock();
    const start = clock.now();
    const ran: number[] = [];
    for (const ms of [1, 10, 15, 500, 32_000]) wheel.after(ms, () => ran.push(clock.now() - start - ms));
    clock.advance(40_000, 1);
    assert.equal(ran.length, 5);
    for (const late of ran) assert.ok(late >= 0 && late <= 10, `${late} ms late`);
    assert.equal(wheel.size, 0);
  });

  it('runs 0 and negative times at the next tick, never inside after', () => {
    const { clock, wheel } = wheelAndClock();
    let ran = 0;
    wheel.after(0, () => ran++);
    wheel.after(-5, () => ran++);
    assert.equal(ran, 0);
    clock.advance(10);
    assert.equal(ran, 2);
  });

  it('runs timers in the order of their time, those of one tick in the order of their making', () => {
    const { clock, wheel } = wheelAndClock();
    const order: string[] = [];
    wheel.after(30, () => order.push('c'));
    wheel.after(20, () => order.push('a'));
    wheel.after(20, () => order.push('b'));
    clock.advance(100, 100);
    assert.deepEqual(order, ['a', 'b', 'c']);
  });

  it('keeps timers longer than one turn of the wheel for their turn', () => {
    const { clock, wheel } = wheelAndClock();
    const hour = 3_600_000;
    let ran = 0;
    wheel.after(hour, () => ran++);
    clock.advance(hour - 10, 1000);
    assert.equal(ran, 0);
    clock.advance(10);
    assert.equal(ran, 1);
  });

  it('forgets a cancelled timer, and cancelling one that ran or was cancelled does nothing', () => {
    const { clock, wheel } = wheelAndClock();
    let ran = 0;
    const cancelled = wheel.after(50, () => ran++);
    const kept = wheel.after(50, () => ran++);
    wheel.cancel(cancelled);
    wheel.cancel(cancelled);
    assert.equal(cancelled.pending, false);
    assert.equal(wheel.size, 1);
    clock.advance(100);
    wheel.cancel(kept);
    assert.equal(ran, 1);
    assert.equal(wheel.size, 0);
  });

  it('lets a callback cancel a timer of the same tick and start new ones', () => {
    const { clock, wheel } = wheelAndClock();
    const order: string[] = [];
    wheel.after(20, () => {
      order.push('first');
      wheel.cancel(victim);
      wheel.after(0, () => order.push('child'));
    });
    const victim = wheel.after(20, () => order.push('victim'));
    wheel.after(20, () => order.push('last'));
    clock.advance(20);
    assert.deepEqual(order, ['first', 'last']);
    clock.advance(10);
    assert.deepEqual(order, ['first', 'last', 'child']);
  });

  it('loses no timer when a callback throws, and logs the error', () => {
    const { clock, wheel, errors } = wheelAndClock();
    let ran = 0;
    wheel.after(10, () => {
      throw new Error('boom');
    });
    wheel.after(10, () => ran++);
    clock.advance(10);
    assert.equal(ran, 1);
    assert.equal(errors.length, 1);
  });

  it('runs everything that a jump of the clock passed, in the order of its time, however far it jumped', () => {
    const { clock, wheel } = wheelAndClock();
    const order: number[] = [];
    for (const ms of [7_200_000, 10, 60_000, 45_000, 3_600_000]) wheel.after(ms, () => order.push(ms));
    wheel.after(400 * 86_400_000, () => order.push(0));
    clock.set(clock.now() + 8_000_000);
    assert.deepEqual(order, [10, 45_000, 60_000, 3_600_000, 7_200_000]);
    assert.equal(wheel.size, 1);
  });

  it('goes on counting when the clock is set back', () => {
    const { clock, wheel } = wheelAndClock();
    let ran = 0;
    wheel.after(1000, () => ran++);
    clock.advance(500);
    clock.set(clock.now() - 86_400_000);
    clock.advance(490);
    assert.equal(ran, 0);
    clock.advance(10);
    assert.equal(ran, 1);
  });

  it('stays right over 20,000 random timers, cancels and steps', () => {
    const { clock, wheel } = wheelAndClock();
    let state = 42;
    const draw = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let wrong = 0;
    let ran = 0;
    let expected = 0;
    let lastCheck = clock.now();
    for (let round = 0; round < 2000; round++) {
      for (let i = 0; i < 10; i++) {
        const due = clock.now() + draw(100_000);
        const timer = wheel.after(due - clock.now(), () => {
          ran++;
          if (clock.now() < due || lastCheck >= due + 10) wrong++;
        });
        if (draw(4) === 0) wheel.cancel(timer);
        else expected++;
      }
      const step = draw(200);
      lastCheck = clock.now();
      clock.advance(step, step);
    }
    lastCheck = clock.now();
    clock.advance(110_000, 110_000);
    assert.equal(ran, expected);
    assert.equal(wrong, 0);
    assert.equal(wheel.size, 0);
  });

  it('turns by itself after start, and does not after stop', async () => {
    const wheel = new TimerWheel(systemClock);
    const stopped = new TimerWheel(systemClock);
    let late = 0;
    stopped.start();
    stopped.after(10, () => late++);
    stopped.stop();
    wheel.start();
    const keepAlive = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => {
      wheel.after(2000, () => assert.fail('cancelled when the test ends'));
      wheel.after(30, () => wheel.after(20, resolve));
    });
    clearInterval(keepAlive);
    wheel.stop();
    assert.equal(late, 0);
  });

  it('holds one Node timer whatever waits, none when nothing waits, and never keeps the process alive', (t) => {
    const set = t.mock.method(globalThis, 'setTimeout');
    const clear = t.mock.method(globalThis, 'clearTimeout');
    const wheel = new TimerWheel(systemClock);
    wheel.start();
    assert.equal(set.mock.callCount(), 0);
    const timers = [];
    for (let i = 0; i < 1000; i++) timers.push(wheel.after(500 + i, () => {}));
    assert.equal(set.mock.callCount(), 1);
    wheel.after(100, () => {});
    assert.equal(set.mock.callCount(), 2, 'an earlier one takes its place');
    assert.ok(clear.mock.calls.some(({ arguments: [handle] }) => handle === set.mock.calls[0]?.result));
    for (const { result } of set.mock.calls) assert.equal(result?.hasRef(), false);
    wheel.stop();
  });

  it('sleeps a second at most, so that a jump of the clock is noticed', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    wheel.start();
    let ran = 0;
    wheel.after(3_600_000, () => ran++);
    clock.set(clock.now() + 4_000_000);
    t.mock.timers.tick(1000);
    assert.equal(ran, 1);
    wheel.stop();
  });

  it('lets sockets have their turn when thousands of timers are due at once', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    wheel.start();
    let ran = 0;
    for (let i = 0; i < 2500; i++) wheel.after(20, () => ran++);
    clock.set(clock.now() + 30);
    const counts = [];
    for (const ms of [20, 1, 1, 1]) {
      t.mock.timers.tick(ms);
      counts.push(ran);
    }
    assert.deepEqual(counts, [1000, 2000, 2500, 2500]);
    wheel.stop();
  });
});
