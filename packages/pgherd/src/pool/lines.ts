/** A part of a pool's queue: those that wait for one kind of use, in the order they came. */
export interface Line<R> {
  /** How many wait. */
  readonly size: number;
  /** How many resources they would take now; some may have to wait although one is free. */
  readonly wanted: number;
  /** For how many of these it is worth opening one. */
  readonly wantsOpened: number;
  /** When the one that has waited longest began to; `undefined` if none waits. */
  readonly oldestSince: number | undefined;
  /** The same of those that would take a resource now. */
  readonly nextSince: number | undefined;
  /** Takes a resource, which is leased to it; called only while it wants one. At least one that waits is served, or leaves. */
  serve(resource: R, now: number): void;
  /** No resource will come for those that wait now. */
  rejectAll(error: () => unknown): void;
}

/**
 * All that wait for the resources of one pool, whatever they want to do with them. A free resource goes to the line whose first has
 * waited longest of those that would take it.
 */
export class Lines<R> {
  readonly #lines: Line<R>[] = [];
  #served = 0;
  #servedMs = 0;

  add(line: Line<R>): void {
    this.#lines.push(line);
  }

  /** All that wait. */
  get size(): number {
    let size = 0;
    for (const line of this.#lines) size += line.size;
    return size;
  }

  get wanted(): number {
    let wanted = 0;
    for (const line of this.#lines) wanted += line.wanted;
    return wanted;
  }

  get wantsOpened(): number {
    let wanted = 0;
    for (const line of this.#lines) wanted += line.wantsOpened;
    return wanted;
  }

  /** How many resources the other lines want, each at most `most`. */
  wantedByOthers(than: Line<R>, most: number): number {
    let wanted = 0;
    for (const line of this.#lines) if (line !== than) wanted += Math.min(most, line.wanted);
    return wanted;
  }

  /** When the one that has waited longest began to; `undefined` if none waits. */
  get oldestSince(): number | undefined {
    let oldest: number | undefined;
    for (const { oldestSince } of this.#lines) {
      if (oldestSince !== undefined && (oldest === undefined || oldestSince < oldest)) oldest = oldestSince;
    }
    return oldest;
  }

  /** The line that gets the next free resource; `undefined` if none would take it. */
  get next(): Line<R> | undefined {
    let next: Line<R> | undefined;
    let since = Number.POSITIVE_INFINITY;
    for (const line of this.#lines) {
      const { nextSince } = line;
      if (nextSince === undefined || nextSince >= since) continue;
      next = line;
      since = nextSince;
    }
    return next;
  }

  /** Number of those that waited and were served. */
  get served(): number {
    return this.#served;
  }

  /** How long those that were served have waited in total, milliseconds. */
  get servedMs(): number {
    return this.#servedMs;
  }

  /** One that waited was served. */
  noteServed(waitedMs: number): void {
    this.#served++;
    this.#servedMs += waitedMs;
  }

  rejectAll(error: () => unknown): void {
    for (const line of this.#lines) line.rejectAll(error);
  }
}
