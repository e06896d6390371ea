import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CallQueue, type Wait } from '../../src/herd/call-queue.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const ENDLESS: Wait = { deadline: Number.POSITIVE_INFINITY, signal: undefined, lagMatters: false };

function fixture() {
  const clock = virtualClock();
  let isClosed = false;
  const queue = new CallQueue(clock, () => isClosed);
  const ends: string[] = [];
  const wait = (name: string, limits: Partial<Wait> = {}) => {
    queue.wait({ ...ENDLESS, ...limits }).then(
      (woken) => ends.push(`${name} ${woken ? 'woken' : 'late'}`),
      (error: { code?: string }) => ends.push(`${name} ${error.code}`),
    );
  };
  const close = () => {
    isClosed = true;
    queue.end();
  };
  /** How the calls ended that have ended by now, in order. */
  const seen = async (afterMs = 0) => {
    await clock.advance(afterMs);
    return ends.splice(0);
  };
  return { queue, wait, seen, close, ends };
}

describe('calls that wait for the picture to change', () => {
  it('go on when it does, each once', async () => {
    const { queue, wait, seen } = fixture();
    wait('a');
    wait('b', { deadline: 10 });
    expect(await seen(5)).toEqual([]);
    queue.wake('all');
    expect(await seen(50)).toEqual(['a woken', 'b woken']);
    queue.wake('all');
    expect(await seen(50)).toEqual([]);
  });

  it('are woken by a change of lag only if that matters to them', async () => {
    const { queue, wait, seen } = fixture();
    wait('a');
    wait('b', { lagMatters: true });
    queue.wake('lag');
    expect(await seen()).toEqual(['b woken']);
    queue.wake('all');
    expect(await seen()).toEqual(['a woken']);
  });

  it('leave at their deadline, or when their signal aborts, and leave nothing behind', async () => {
    const { wait, seen } = fixture();
    const controller = new AbortController();
    wait('a', { deadline: 10 });
    wait('b', { signal: controller.signal });
    expect(await seen(10)).toEqual(['a late']);
    controller.abort();
    expect(await seen()).toEqual(['b PGHERD_ABORTED']);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    wait('c', { signal: controller.signal });
    expect(await seen()).toEqual(['c PGHERD_ABORTED']);
  });

  it('are woken sixteen in a turn of the event loop, in the order in which they came', async () => {
    const { queue, wait, seen, ends } = fixture();
    const names = Array.from({ length: 40 }, (_, n) => String(n));
    for (const name of names) wait(name);
    queue.wake('all');
    // No timer has fired yet.
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect(ends).toEqual(names.slice(0, 16).map((name) => `${name} woken`));
    expect(await seen(10)).toEqual(names.map((name) => `${name} woken`));
  });

  it('that came after the change wait for the next one', async () => {
    const { queue, wait, seen } = fixture();
    for (let n = 0; n < 20; n++) wait('before');
    queue.wake('all');
    wait('after');
    expect(new Set(await seen(10))).toEqual(new Set(['before woken']));
    queue.wake('all');
    expect(await seen()).toEqual(['after woken']);
  });

  it('fail all at once when the cluster is closed', async () => {
    const { wait, seen, close } = fixture();
    for (let n = 0; n < 20; n++) wait(String(n));
    close();
    expect(new Set((await seen()).map((end) => end.split(' ')[1]))).toEqual(new Set(['PGHERD_CLOSED']));
  });
});
