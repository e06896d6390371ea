import type { Clock, Timer } from '../time/port.ts';

/** An item with a deadline. */
export interface Due {
  /** Time of the clock; `Infinity` for never. */
  readonly deadline: number;
  /** Its index in the heap; -1 outside. Belongs to {@link Deadlines}. */
  place: number;
}

/**
 * Many deadlines on one timer, which is armed for the earliest of them while there are any. A binary heap:
 * callers with equal timeouts come in the order of their deadlines, so that adding one takes constant time.
 */
export class Deadlines<T extends Due> {
  readonly #heap: T[] = [];
  readonly #clock: Clock;
  readonly #expired: (item: T, now: number) => void;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** `expired` is called with each item whose time has come, after it was removed. */
  constructor(clock: Clock, expired: (item: T, now: number) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  add(item: T, now: number): void {
    if (item.deadline === Number.POSITIVE_INFINITY) return;
    this.#rise(item, this.#heap.length);
    if (item.deadline < this.#timerAt) this.#arm(item.deadline, now);
  }

  /** Removes an item; harmless if it is not there. */
  remove(item: T): void {
    const { place } = item;
    if (place < 0) return;
    item.place = -1;
    const last = this.#heap.pop();
    if (last !== undefined && last !== item) {
      if (last.deadline < item.deadline) this.#rise(last, place);
      else this.#sink(last, place);
    }
    // The timer stays as it is while others are left: firing too early costs less than setting it each time.
    if (this.#heap.length === 0) this.#disarm();
  }

  #arm(at: number, now: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.schedule(Math.max(0, at - now), () => this.#fire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    const now = this.#clock.now();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return;
      if (first.deadline > now) {
        this.#arm(first.deadline, now);
        return;
      }
      this.remove(first);
      this.#expired(first, now);
    }
  }

  /** Puts `item` at `place` or above. */
  #rise(item: T, place: number): void {
    const heap = this.#heap;
    let at = place;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || parent.deadline <= item.deadline) break;
      heap[at] = parent;
      parent.place = at;
      at = parentAt;
    }
    heap[at] = item;
    item.place = at;
  }

  /** Puts `item` at `place` or below. */
  #sink(item: T, place: number): void {
    const heap = this.#heap;
    let at = place;
    for (;;) {
      let childAt = 2 * at + 1;
      const left = heap[childAt];
      const right = heap[childAt + 1];
      if (left !== undefined && right !== undefined && right.deadline < left.deadline) childAt++;
      const child = heap[childAt];
      if (child === undefined || child.deadline >= item.deadline) break;
      heap[at] = child;
      child.place = at;
      at = childAt;
    }
    heap[at] = item;
    item.place = at;
  }
}
