import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Queueable, WaitQueue } from '../../src/pool/queue.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

class Item implements Queueable<Item> {
  readonly name: string;
  readonly deadline: number;
  readonly since = 0;
  readonly signal: AbortSignal | undefined;
  readonly #queue: WaitQueue<Item>;
  place = -1;
  isQueued = false;
  previous: Item | undefined;
  next: Item | undefined;

  constructor(queue: WaitQueue<Item>, name: string, deadline: number, signal?: AbortSignal) {
    this.#queue = queue;
    this.name = name;
    this.deadline = deadline;
    this.signal = signal;
  }

  handleEvent(): void {
    this.#queue.abort(this);
  }
}

interface Fixture {
  readonly clock: VirtualClock;
  readonly queue: WaitQueue<Item>;
  /** What the queue reported. */
  readonly reports: string[];
  add(name: string, deadline?: number, signal?: AbortSignal): Item;
  names(): string[];
}

function fixture(): Fixture {
  const clock = virtualClock();
  const reports: string[] = [];
  const queue: WaitQueue<Item> = new WaitQueue<Item>({
    clock,
    late: ({ name }, now) => reports.push(`${name} late at ${now}`),
    aborted: ({ name }, signal) => reports.push(`${name} aborted: ${String(signal.reason)}`),
  });
  const add = (name: string, deadline = Number.POSITIVE_INFINITY, signal?: AbortSignal) => {
    const item = new Item(queue, name, deadline, signal);
    queue.add(item, clock.now());
    return item;
  };
  return { clock, queue, reports, add, names: () => [...queue].map(({ name }) => name) };
}

describe('a queue with deadlines', () => {
  it('keeps the order in which items came, whichever of them is taken', () => {
    const { queue, add, names } = fixture();
    const [a, b, c, d] = [add('a'), add('b'), add('c'), add('d')];
    expect([names(), queue.size, queue.first?.name]).toEqual([['a', 'b', 'c', 'd'], 4, 'a']);
    expect([queue.take(b), names()]).toEqual([true, ['a', 'c', 'd']]);
    expect([queue.take(a), names()]).toEqual([true, ['c', 'd']]);
    expect([queue.take(d), names()]).toEqual([true, ['c']]);
    expect([queue.take(c), names(), queue.size, queue.first]).toEqual([true, [], 0, undefined]);
    add('e');
    expect(names()).toEqual(['e']);
  });

  it('takes an item once', () => {
    const { queue, add } = fixture();
    const item = add('a');
    expect([queue.take(item), queue.take(item), queue.size]).toEqual([true, false, 0]);
  });

  it('takes the same item in again', () => {
    const { queue, clock, add, names } = fixture();
    const item = add('a', 50);
    add('b');
    queue.take(item);
    queue.add(item, clock.now());
    expect(names()).toEqual(['b', 'a']);
  });

  it('reports an item whose deadline has passed, and has it no more', async () => {
    const { clock, reports, add, names } = fixture();
    add('a', 30);
    add('b', 10);
    add('c');
    await clock.advance(10);
    expect([reports, names()]).toEqual([['b late at 10'], ['a', 'c']]);
    await clock.advance(100);
    expect([reports, names()]).toEqual([['b late at 10', 'a late at 30'], ['c']]);
    expect(clock.pending).toBe(0);
  });

  it('reports an item whose signal has aborted, and has it no more', () => {
    const { clock, reports, add, names } = fixture();
    const controller = new AbortController();
    add('a');
    add('b', 50, controller.signal);
    add('c', 60, controller.signal);
    controller.abort('enough');
    expect([reports, names()]).toEqual([['b aborted: enough', 'c aborted: enough'], ['a']]);
    expect(clock.pending).toBe(0);
  });

  it('leaves neither timer nor listener of what was taken', () => {
    const { clock, queue, reports, add } = fixture();
    const controller = new AbortController();
    const items = [add('a', 10, controller.signal), add('b', 20, controller.signal)];
    expect(queue.takeAll()).toEqual(items);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    controller.abort();
    expect(reports).toEqual([]);
  });

  it('keeps no item alive that has been taken', () => {
    const { queue, add } = fixture();
    const [a, b] = [add('a'), add('b')];
    queue.take(a);
    expect([a.previous, a.next, b.previous]).toEqual([undefined, undefined, undefined]);
  });

  it('can be read while items are taken; if the next one goes, it is read from the front again', () => {
    const { queue, add } = fixture();
    const items = ['a', 'b', 'c', 'd'].map((name) => add(name));
    const seen: string[] = [];
    for (const item of queue) {
      seen.push(item.name);
      if (seen.length === 1) queue.take(item);
      if (seen.length === 2) for (const one of items.slice(1, 3)) queue.take(one);
    }
    expect(seen).toEqual(['a', 'b', 'd']);
  });
});
