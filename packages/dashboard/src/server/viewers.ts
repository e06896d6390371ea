/** Something that looks at the page: one open connection. */
export interface Viewer {
  /** Whether what it got before has gone, so that nothing piles up here. */
  readonly isReady: boolean;
  send(bytes: Uint8Array): void;
  /** Ends the connection. */
  end(): void;
}

/** Where messages come from. */
export interface MessageSource {
  /** The number of the last sample. */
  readonly sample: number;
  /** The message for a viewer that has everything up to a sample; `undefined`: that has nothing. */
  encoded(after: number | undefined): Uint8Array;
}

/** What is known of one viewer. */
interface Watching {
  /** The sample up to which it has everything; `undefined`: it has nothing. */
  has: number | undefined;
  /** Since when it has not taken what it was sent, milliseconds; `undefined`: it has. */
  busySince: number | undefined;
}

/** A viewer that takes nothing for so long is gone, milliseconds. */
const PATIENCE_MS = 15_000;

/**
 * All viewers of one dashboard. Each sample is put into bytes once for all that have the sample before. A slow viewer skips samples, and gets
 * what it has missed when it is ready again; one that takes nothing is dropped. Nothing is kept for either.
 */
export class Viewers {
  readonly #viewers = new Map<Viewer, Watching>();
  readonly #source: MessageSource;
  readonly #most: number;
  /** The messages of the present sample, by what their viewers have. */
  readonly #encoded = new Map<number | undefined, Uint8Array>();
  #encodedSample = 0;

  constructor(source: MessageSource, most: number) {
    this.#source = source;
    this.#most = most;
  }

  get count(): number {
    return this.#viewers.size;
  }

  get isFull(): boolean {
    return this.#viewers.size >= this.#most;
  }

  /** Sends a viewer what it does not have; it gets each further sample until {@link remove}. */
  add(viewer: Viewer, has: number | undefined): void {
    this.#viewers.set(viewer, { has, busySince: undefined });
    this.#send(viewer, has);
  }

  remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
  }

  /** Sends the present sample to every viewer that is ready. `now` is in milliseconds of a clock that never goes back. */
  broadcast(now: number): void {
    for (const [viewer, watching] of [...this.#viewers]) {
      if (viewer.isReady) {
        watching.busySince = undefined;
        this.#send(viewer, watching.has);
        continue;
      }
      watching.busySince ??= now;
      if (now - watching.busySince < PATIENCE_MS) continue;
      this.remove(viewer);
      viewer.end();
    }
  }

  /** Ends all connections. */
  end(): void {
    for (const viewer of [...this.#viewers.keys()]) {
      this.remove(viewer);
      viewer.end();
    }
  }

  #send(viewer: Viewer, has: number | undefined): void {
    const bytes = this.#bytesAfter(has);
    const watching = this.#viewers.get(viewer);
    if (watching !== undefined) watching.has = this.#source.sample;
    viewer.send(bytes);
  }

  #bytesAfter(has: number | undefined): Uint8Array {
    if (this.#encodedSample !== this.#source.sample) {
      this.#encoded.clear();
      this.#encodedSample = this.#source.sample;
    }
    const known = this.#encoded.get(has);
    if (known !== undefined) return known;
    const bytes = this.#source.encoded(has);
    this.#encoded.set(has, bytes);
    return bytes;
  }
}
