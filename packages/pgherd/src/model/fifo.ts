/** How many removed items may stand in front before the array is shortened. */
const COMPACT_AT = 256;

/** A list to which items are added at the end and from which they are removed at the front, both in constant time. */
export class Fifo<T> {
  readonly #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** The item at the front. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Removes the item at the front. */
  shift(): void {
    if (this.#head === this.#items.length) return;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Removes an item wherever it is. At the front, in constant time. */
  remove(item: T): void {
    if (this.first === item) {
      this.shift();
      return;
    }
    const index = this.#items.lastIndexOf(item);
    if (index >= this.#head) this.#items.splice(index, 1);
  }

  /** Removes all items; returns them in order. */
  takeAll(): T[] {
    const items = this.#items.slice(this.#head) as T[];
    this.#items.length = 0;
    this.#head = 0;
    return items;
  }
}
