import { expect, it } from 'vitest';
import { ByText } from '../../src/sql/memo.ts';

it('remembers what is used and forgets what is not, however many texts there are', () => {
  let made = 0;
  const known = new ByText(() => ({ place: made++ }));
  const often = known.of('select 0');
  for (let n = 1; n < 10_000; n++) {
    known.of(`select ${n}`);
    if (n % 500 === 0) expect(known.of('select 0')).toBe(often);
  }
  expect(known.of('select 9999').place).toBe(9_999);
  expect(known.of('select 1').place).toBe(10_000);
});

it('keeps no long text in memory', () => {
  let made = 0;
  const known = new ByText(() => ({ place: made++ }));
  const long = 'x'.repeat(20_001);
  expect([known.of(long).place, known.of(long).place]).toEqual([0, 1]);
});

it('remembers fewer texts the longer they are', () => {
  let made = 0;
  const known = new ByText(() => ({ place: made++ }));
  const text = (n: number) => `${n}`.padEnd(20_000);
  for (let n = 0; n < 400; n++) known.of(text(n));
  expect(known.of(text(399)).place).toBe(399);
  expect(known.of(text(0)).place).toBe(400);
});
