import { randomBytes } from 'node:crypto';
import type { Hello } from '../model/message.ts';
import type { Sampler } from '../sample/sampler.ts';
import { type Viewer, Viewers } from './viewers.ts';

/** The stream of one dashboard: server-sent events, each with an identifier that a page comes back with. */
export class Feed {
  readonly #viewers: Viewers;
  readonly #sampler: Sampler;
  readonly #hello: Hello;
  /** Samples of another process have other numbers. */
  readonly #run = randomBytes(6).toString('hex');
  readonly #encoder = new TextEncoder();

  constructor(sampler: Sampler, hello: Hello, maxViewers: number, now: () => number) {
    this.#sampler = sampler;
    this.#hello = hello;
    this.#viewers = new Viewers(
      {
        get sample() {
          return sampler.sample;
        },
        encoded: (after) => this.#encoded(after),
      },
      maxViewers,
    );
    sampler.isWatched = () => this.#viewers.count > 0;
    sampler.onSample = () => this.#viewers.broadcast(now());
  }

  get isFull(): boolean {
    return this.#viewers.isFull;
  }

  /** `has` is the identifier of the last event that the page has. */
  add(viewer: Viewer, has: string | undefined): void {
    this.#viewers.add(viewer, this.#sampleOf(has));
  }

  remove(viewer: Viewer): void {
    this.#viewers.remove(viewer);
  }

  end(): void {
    this.#viewers.end();
  }

  /** `undefined` for an identifier that is not of this process. */
  #sampleOf(has: string | undefined): number | undefined {
    const [run, sample = ''] = (has ?? '').split('-', 2);
    if (run !== this.#run || !/^\d{1,15}$/.test(sample)) return undefined;
    return Number(sample) <= this.#sampler.sample ? Number(sample) : undefined;
  }

  #encoded(after: number | undefined): Uint8Array {
    const hello = after === undefined ? { hello: this.#hello } : {};
    const data = JSON.stringify({ ...hello, ...this.#sampler.messageAfter(after) });
    return this.#encoder.encode(`id: ${this.#run}-${this.#sampler.sample}\ndata: ${data}\n\n`);
  }
}
