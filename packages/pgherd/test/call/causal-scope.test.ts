import { expect, it } from 'vitest';
import { CausalScope } from '../../src/call/causal-scope.ts';
import type { CausalToken } from '../../src/model/causal-token.ts';

const at = (lsn: bigint | undefined, timeline = 1, systemIdentifier = '7'): CausalToken => ({
  systemIdentifier,
  timeline,
  lsn,
  at: 0,
  node: 'a',
});
const LOST = at(undefined);

it('a scope begins with nothing, or with what it was given', () => {
  expect(new CausalScope(undefined).token).toBeUndefined();
  expect(new CausalScope(at(5n)).token).toEqual(at(5n));
});

it('the latest position counts, in whatever order positions come', async () => {
  const scope = new CausalScope(at(3n));
  let tell: (token: CausalToken) => void = () => undefined;
  const slow = new Promise<CausalToken>((resolve) => {
    tell = resolve;
  });
  void scope.note(slow, LOST);
  await scope.note(Promise.resolve(at(9n)), LOST);
  expect(scope).toMatchObject({ token: at(9n), isPending: true });
  tell(at(4n));
  await scope.settled();
  expect(scope).toMatchObject({ token: at(9n), isPending: false });
});

it('a later timeline, and another cluster, count more than any position', async () => {
  const scope = new CausalScope(at(900n, 1));
  await scope.note(Promise.resolve(at(5n, 2)), LOST);
  expect(scope.token).toEqual(at(5n, 2));
  await scope.note(Promise.resolve(at(999n, 1)), LOST);
  expect(scope.token).toEqual(at(5n, 2));
  await scope.note(Promise.resolve(at(1n, 1, '8')), LOST);
  expect(scope.token).toEqual(at(1n, 1, '8'));
});

it('a position that was lost is made good only by one that was asked for afterwards', async () => {
  const scope = new CausalScope(undefined);
  let tell: (token: CausalToken) => void = () => undefined;
  const before = scope.note(
    new Promise<CausalToken>((resolve) => {
      tell = resolve;
    }),
    LOST,
  );
  await scope.note(Promise.reject(new Error('gone')), LOST);
  tell(at(5n));
  await before;
  expect(scope.token).toEqual(LOST);
  await scope.note(Promise.resolve(at(6n)), LOST);
  expect(scope.token).toEqual(at(6n));
});

it('who goes on holding the connection that wrote has no position; it counts once the connection was given back', async () => {
  const scope = new CausalScope(at(3n));
  const lease = {};
  scope.hold(lease, LOST);
  await scope.note(Promise.resolve(at(9n)), LOST);
  expect(scope.token).toEqual(LOST);
  scope.release(lease);
  expect(scope.token).toEqual(at(9n));
});
