import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue, type Remove } from '../../src/pool/queue.ts';

describe('a queue', () => {
  it('behaves like a list from which anything can be taken', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), at: fc.constant(0) }),
      fc.record({ kind: fc.constant('shift' as const), at: fc.constant(0) }),
      fc.record({ kind: fc.constant('remove' as const), at: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const queue = new Queue<number>();
        const removes: Remove[] = [];
        let list: number[] = [];
        for (const { kind, at } of steps) {
          if (kind === 'push') {
            list.push(removes.length);
            removes.push(queue.push(removes.length));
          } else if (kind === 'shift') {
            expect(queue.shift()).toBe(list.shift());
          } else if (removes.length > 0) {
            const index = at % removes.length;
            removes[index]?.();
            list = list.filter((item) => item !== index);
          }
          expect(queue.length).toBe(list.length);
        }
        for (const item of list) expect(queue.shift()).toBe(item);
        expect(queue.shift()).toBeUndefined();
      }),
    );
  });
});
