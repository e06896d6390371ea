import { describe, expect, it } from 'vitest';
import { HeldLeases } from '../../src/engine/held.ts';
import { Session } from '../../src/node/session.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';

const session = (node: string) => new Session(node, 1, new ScriptedConnection(), 'read-write');

describe('what an asynchronous context holds', () => {
  it('is known in the function and all that it calls, and nowhere else', async () => {
    const held = new HeldLeases();
    const [a, b] = [session('a'), session('b')];
    const tx = {};
    const counts = () => [held.holdsAny, held.count(() => true), held.count((one) => one.node === 'a')];
    expect(counts()).toEqual([false, 0, 0]);
    const running = held.run({ session: a, isHeld: () => true, transaction: tx }, async () => {
      await Promise.resolve();
      expect(counts()).toEqual([true, 1, 1]);
      await held.run({ session: b, isHeld: () => true }, async () => {
        await Promise.resolve();
        expect(counts()).toEqual([true, 2, 1]);
        expect(held.transaction).toBe(tx);
      });
      expect(counts()).toEqual([true, 1, 1]);
    });
    expect(counts()).toEqual([false, 0, 0]);
    await running;
    expect(held.transaction).toBeUndefined();
    held.disable();
  });

  it('ends with the holding, whoever runs on', async () => {
    const held = new HeldLeases();
    let isHeld = true;
    const tx = {};
    const later = held.run({ session: session('a'), isHeld: () => isHeld, transaction: tx }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return [held.holdsAny, held.count(() => true), held.transaction === tx];
    });
    isHeld = false;
    expect(await later).toEqual([false, 0, true]);
    held.disable();
  });

  it('is what a verb gave to the code that called it, and to all that this code starts from then on', async () => {
    const held = new HeldLeases();
    let isHeld = true;
    const acquire = async () => {
      const entered = held.enter();
      await Promise.resolve();
      entered.given(() => isHeld);
    };
    const handler = async () => {
      const before = new Promise((resolve) => setImmediate(resolve)).then(() => held.holdsAny);
      await acquire();
      const after = Promise.resolve().then(() => held.holdsAny);
      return [await before, await after, held.holdsAny, held.count(() => true)];
    };
    // No pool deadlock is seen in it: other code may give the connection back.
    expect(await new Promise((resolve) => setImmediate(() => resolve(handler())))).toEqual([
      false,
      true,
      true,
      0,
    ]);
    expect(held.holdsAny).toBe(false);
    await acquire();
    expect(held.holdsAny).toBe(true);
    isHeld = false;
    expect(held.holdsAny).toBe(false);
    held.disable();
  });

  it('does not pile up in a loop that holds one after the other', () => {
    const held = new HeldLeases();
    let depth = 0;
    for (let round = 0; round < 1_000; round++) {
      const entered = held.enter();
      depth = 0;
      for (let link = entered.outer; link !== undefined; link = link.outer) depth++;
      if (round % 2 === 0) entered.failed();
      else {
        entered.given(() => false);
      }
    }
    expect(depth).toBe(0);
    held.disable();
  });
});
