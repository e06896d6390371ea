import { NAP_EVERY, ROWS, type Sample, type SliceRequest, skewed, type Work } from './throughput-works.ts';

/** A contender that is connected. */
export interface Contender {
  /** One row by key; resolves with the id it found. */
  readonly check: (id: number) => Promise<number>;
  readonly select: (id: number) => Promise<unknown>;
  readonly update: (id: number) => Promise<unknown>;
  /** Two rows by key, in one transaction. */
  readonly transaction: (one: number, other: number) => Promise<unknown>;
  /** One row by key from a standby. */
  readonly read: (id: number) => Promise<unknown>;
  /** A statement of 50 ms. */
  readonly nap: () => Promise<unknown>;
  /** Any statement. */
  readonly run: (text: string, values: readonly unknown[]) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

/** Load runs for so long before anything counts, and the callers have spread out, ms. */
const RAMP_MS = 100;

/** The times that statements took, in a buffer that is kept, so that a slice allocates nothing for them. */
class Stopwatch {
  #times = new Float64Array(1 << 17);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  add(ms: number): void {
    if (this.#length === this.#times.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#times);
      this.#times = larger;
    }
    this.#times[this.#length++] = ms;
  }

  percentile(share: number): number {
    return percentile(this.#times.subarray(0, this.#length).sort(), share);
  }
}

/** The value that `share` of all are not above, by nearest rank; 0 of nothing. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** Two rows in the order of their keys, so that no two transactions wait for each other. */
function pairFrom(id: number): readonly [number, number] {
  return id < ROWS ? [id, id + 1] : [id - 1, id];
}

/** Drives one contender with closed loops: each caller calls again as soon as it has its answer. */
export class Driver {
  readonly #contender: Contender;
  readonly #stopwatch = new Stopwatch();
  #from = 0;
  #until = 0;
  /** Statements of this slice. */
  #done = 0;
  /** Of those, the ones that ended between ramp and end. */
  #counted = 0;
  #updates = 0;
  #skewed = 0;

  constructor(contender: Contender) {
    this.#contender = contender;
  }

  /** Updates that were acknowledged, ever. */
  get updates(): number {
    return this.#updates;
  }

  /** One slice of load; it resolves when every statement that was begun has ended. */
  async slice({ work, callers, seconds }: SliceRequest): Promise<Sample> {
    this.#stopwatch.clear();
    this.#done = 0;
    this.#counted = 0;
    this.#from = performance.now() + RAMP_MS;
    this.#until = this.#from + seconds * 1_000;
    const before = process.cpuUsage();
    await Promise.all(Array.from({ length: callers }, (_, index) => this.#caller(work, index)));
    const { user, system } = process.cpuUsage(before);
    return {
      perSecond: this.#counted / seconds,
      p95Ms: this.#stopwatch.percentile(0.95),
      p99Ms: this.#stopwatch.percentile(0.99),
      clientUs: (user + system) / Math.max(1, this.#done),
    };
  }

  async #caller(work: Work, index: number): Promise<void> {
    const contender = this.#contender;
    const isSkewed = work.startsWith('skew');
    const isUneven = isSkewed || work === 'mix';
    // In the mix callers take their naps one after the other.
    let turn = index * 37;
    for (;;) {
      const begun = performance.now();
      if (begun >= this.#until) return;
      const slow = isUneven && turn++ % NAP_EVERY === 0;
      const id = 1 + Math.floor(Math.random() * ROWS);
      if (isSkewed) await contender.run(...skewed(work, slow, id, ++this.#skewed));
      else if (slow) await contender.nap();
      else if (work === 'update') await contender.update(id);
      else if (work === 'transaction') await contender.transaction(...pairFrom(id));
      else if (work === 'read') await contender.read(id);
      else await contender.select(id);
      const ended = performance.now();
      this.#done++;
      if (work === 'update') this.#updates++;
      if (work === 'transaction') this.#updates += 2;
      if (ended < this.#from || ended >= this.#until) continue;
      this.#counted++;
      if (!slow) this.#stopwatch.add(ended - begun);
    }
  }
}
