import type { Clock } from '../time/port.ts';
import { Deadlines, type Due } from './deadlines.ts';

/**
 * What stands in a {@link WaitQueue}. It is its own link, its own entry among the deadlines and its own
 * listener for an abort, so that the queue allocates nothing for it. All fields but the read-only ones belong
 * to the queue.
 */
export interface Queueable<T> extends Due {
  /** When it began to wait, by the clock of the queue. */
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  isQueued: boolean;
  previous: T | undefined;
  next: T | undefined;
  /** The signal has aborted: calls {@link WaitQueue.abort}. */
  handleEvent(): void;
}

/** What becomes of items that leave the queue by themselves. */
export interface WaitQueuePorts<T> {
  readonly clock: Clock;
  /** The deadline of an item has passed. */
  late(item: T, now: number): void;
  /** The signal of an item has aborted. */
  aborted(item: T, signal: AbortSignal): void;
}

/**
 * Waits in the order they began. An item is in the queue until it is taken, its deadline passes or its signal
 * aborts; then neither timer nor listener of it is left.
 */
export class WaitQueue<T extends Queueable<T>> {
  readonly #ports: WaitQueuePorts<T>;
  readonly #deadlines: Deadlines<T>;
  // A list of links: a `Set` would step over all deleted entries to find its first one.
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  constructor(ports: WaitQueuePorts<T>) {
    this.#ports = ports;
    this.#deadlines = new Deadlines(ports.clock, (item, now) => {
      if (this.take(item)) ports.late(item, now);
    });
  }

  get size(): number {
    return this.#size;
  }

  /** The item that has waited longest. */
  get first(): T | undefined {
    return this.#first;
  }

  /**
   * In order. Items may be taken meanwhile; if the next one is among them, the iteration starts again at the
   * front.
   */
  *[Symbol.iterator](): Generator<T, void> {
    for (let item = this.#first; item !== undefined; ) {
      const { next }: T = item;
      yield item;
      item = next === undefined || next.isQueued ? next : this.#first;
    }
  }

  /** Adds an item at the end. `now` is the current time of the clock. */
  add(item: T, now: number): void {
    const last = this.#last;
    item.isQueued = true;
    item.previous = last;
    if (last === undefined) this.#first = item;
    else last.next = item;
    this.#last = item;
    this.#size++;
    this.#deadlines.add(item, now);
    item.signal?.addEventListener('abort', item, ONCE);
  }

  /** Removes an item of this queue; returns whether it was still there. */
  take(item: T): boolean {
    if (!item.isQueued) return false;
    const { previous, next } = item;
    item.isQueued = false;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // A dead item that the garbage collector has not reached would keep all items alive that ever stood
    // behind it.
    item.previous = undefined;
    item.next = undefined;
    this.#size--;
    this.#deadlines.remove(item);
    item.signal?.removeEventListener('abort', item);
    return true;
  }

  /** Removes all items, in order. */
  takeAll(): T[] {
    const items: T[] = [];
    for (let item = this.#first; item !== undefined; item = this.#first) {
      this.take(item);
      items.push(item);
    }
    return items;
  }

  /** To be called by an item whose signal has aborted. */
  abort(item: T): void {
    if (item.signal !== undefined && this.take(item)) this.#ports.aborted(item, item.signal);
  }
}

const ONCE = Object.freeze({ once: true });
