/** An entry, and the number of the sample that it belongs to. */
interface Numbered<T> {
  readonly sample: number;
  readonly value: T;
}

/** The last entries, each with the number of its sample: at most so many. */
export class Ring<T> {
  readonly #most: number;
  /** Oldest first, after {@link #start}. */
  readonly #entries: Numbered<T>[] = [];
  #start = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Samples come in their order. */
  add(sample: number, value: T): void {
    if (this.#entries.length < this.#most) {
      this.#entries.push({ sample, value });
      return;
    }
    this.#entries[this.#start] = { sample, value };
    this.#start = (this.#start + 1) % this.#most;
  }

  /** The entries of later samples than this, oldest first. */
  after(sample: number): T[] {
    const found: T[] = [];
    for (let back = 1; back <= this.#entries.length; back++) {
      const index = (this.#start + this.#entries.length - back) % this.#entries.length;
      const entry = this.#entries[index];
      if (entry === undefined || entry.sample <= sample) break;
      found.push(entry.value);
    }
    return found.reverse();
  }
}
