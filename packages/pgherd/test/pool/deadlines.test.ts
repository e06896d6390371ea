import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/pool/deadlines.ts';
import { virtualClock } from '../support/virtual-clock.ts';

interface Item {
  readonly name: number;
  readonly deadline: number;
  place: number;
}

const some = fc.array(
  fc.record({
    deadline: fc.oneof(fc.nat(200), fc.constant(Number.POSITIVE_INFINITY)),
    removed: fc.boolean(),
  }),
  { maxLength: 60 },
);

describe('many deadlines on one timer', () => {
  it('come in their order, each once, unless they are removed', async () => {
    await fc.assert(
      fc.asyncProperty(some, fc.nat(200), async (list, pauseMs) => {
        const clock = virtualClock();
        const expired: [number, number][] = [];
        const deadlines = new Deadlines<Item>(clock, ({ deadline }, now) => expired.push([deadline, now]));
        const items = list.map(({ deadline }, name) => ({ name, deadline, place: -1 }));
        for (const item of items) deadlines.add(item, clock.now());
        expect(clock.pending).toBe(
          list.some(({ deadline }) => deadline !== Number.POSITIVE_INFINITY) ? 1 : 0,
        );
        await clock.advance(pauseMs);
        for (const [index, item] of items.entries()) if (list[index]?.removed) deadlines.remove(item);
        await clock.advance(300);
        const wanted = list
          .filter(({ deadline, removed }) => deadline <= pauseMs || (!removed && deadline < 1_000))
          .map(({ deadline }) => [deadline, deadline])
          .sort(([one = 0], [other = 0]) => one - other);
        expect(expired).toEqual(wanted);
        expect(clock.pending).toBe(0);
        for (const item of items.filter(({ deadline }) => deadline < 1_000)) expect(item.place).toBe(-1);
      }),
      { numRuns: 200 },
    );
  });

  it('leave no timer when the last one is removed', () => {
    const clock = virtualClock();
    const deadlines = new Deadlines<Item>(clock, () => expect.unreachable());
    const item = { name: 0, deadline: 50, place: -1 };
    deadlines.add(item, 0);
    deadlines.remove(item);
    deadlines.remove(item);
    expect(clock.pending).toBe(0);
  });
});
