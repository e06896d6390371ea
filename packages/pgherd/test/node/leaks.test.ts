import { describe, expect, it } from 'vitest';
import { type HoldingVerb, type Leak, LeakWatch, type Trace, type Watched } from '../../src/node/leaks.ts';
import { virtualClock } from '../support/virtual-clock.ts';

class Thing implements Watched {
  readonly name: string;
  trace: Trace | undefined;

  constructor(name: string) {
    this.name = name;
  }

  noteTaken(trace: Trace): void {
    this.trace = trace;
  }
}

function watch(leakAfterMs: number) {
  const clock = virtualClock();
  const leaks: Leak<Thing>[] = [];
  const watched = new LeakWatch<Thing>(clock, leakAfterMs, (leak) => leaks.push(leak));
  const thing = (name: string) => new Thing(name);
  const trace = (verb: HoldingVerb): Trace | undefined => watched.trace(verb, trace);
  const told = () => leaks.map(({ session, heldMs }) => [session.name, heldMs]);
  return { clock, watched, leaks, thing, told, trace };
}

describe('the watch over held connections', () => {
  it('tells of each once, after its time, with the place in the program', async () => {
    const { clock, watched, leaks, thing, told, trace } = watch(100);
    const [one, two] = [thing('one'), thing('two')];
    watched.watch(one, trace('acquire'));
    await clock.advance(40);
    (function program() {
      watched.watch(two, trace('use'));
    })();
    await clock.advance(59);
    expect(told()).toEqual([]);
    await clock.advance(1);
    expect(told()).toEqual([['one', 100]]);
    await clock.advance(1_000);
    expect(told()).toEqual([
      ['one', 100],
      ['two', 100],
    ]);
    expect(leaks[1]).toMatchObject({ verb: 'use' });
    expect(leaks[1]?.stack).toMatch(/^at program .*leaks\.test\.ts/);
    expect(clock.pending).toBe(0);
  });

  it('does not tell of what came back, nor of who has it now too early', async () => {
    const { clock, watched, thing, told, trace } = watch(100);
    const one = thing('one');
    watched.watch(one, trace('acquire'));
    one.trace = undefined;
    await clock.advance(60);
    watched.watch(one, trace('begin'));
    await clock.advance(60);
    expect(told()).toEqual([]);
    await clock.advance(40);
    expect(told()).toEqual([['one', 100]]);
  });

  it('has one timer for all, which stops with it', () => {
    const { clock, watched, thing, trace } = watch(100);
    for (let index = 0; index < 50; index++) watched.watch(thing(`${index}`), trace('acquire'));
    expect(clock.pending).toBe(1);
    watched.stop();
    expect(clock.pending).toBe(0);
  });

  it('does nothing when it is off', () => {
    const { clock, watched, thing, trace } = watch(0);
    const one = thing('one');
    expect(trace('acquire')).toBeUndefined();
    watched.watch(one, trace('acquire'));
    expect([one.trace, clock.pending]).toEqual([undefined, 0]);
  });
});
