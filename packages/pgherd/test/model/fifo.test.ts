import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Fifo } from '../../src/model/fifo.ts';

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('push' as const) },
  { weight: 5, arbitrary: fc.constant('shift' as const) },
  { weight: 1, arbitrary: fc.nat(600).map((at) => ({ remove: at })) },
  { weight: 1, arbitrary: fc.constant('take all' as const) },
);

it('does what an array does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(600), (steps, before) => {
      const fifo = new Fifo<number>();
      let model: number[] = [];
      let next = 0;
      const push = () => {
        fifo.push(next);
        model.push(next++);
      };
      for (let count = 0; count < before; count++) push();
      for (const one of steps) {
        if (one === 'push') push();
        else if (one === 'shift') {
          fifo.shift();
          model.shift();
        } else if (one === 'take all') {
          expect(fifo.takeAll()).toEqual(model);
          model = [];
        } else {
          fifo.remove(one.remove);
          model = model.filter((item) => item !== one.remove);
        }
        expect([fifo.size, fifo.first]).toEqual([model.length, model[0]]);
      }
    }),
  );
});

it('stays in order while hundreds go through it that is never empty', () => {
  const fifo = new Fifo<number>();
  fifo.push(0);
  for (let item = 1; item < 2_000; item++) {
    fifo.push(item);
    expect(fifo.first).toBe(item - 1);
    fifo.shift();
  }
  expect(fifo.takeAll()).toEqual([1_999]);
});
