import type { Message } from '../model/message.ts';
import { EventReader } from './sse.ts';

/** How the connection to the dashboard is. */
export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** It is tried again at this time, milliseconds since 1970. */
  | { readonly kind: 'lost'; readonly retryAt: number; readonly reason: string }
  /** The server wants a token, or another one. */
  | { readonly kind: 'token' };

/** What a stream tells the page. */
export interface StreamListener {
  message(message: Message): void;
  state(state: LinkState): void;
}

/** Pause before the first attempt to connect again, doubled with each further one up to {@link MOST_PAUSE_MS}; milliseconds. */
const FIRST_PAUSE_MS = 300;
const MOST_PAUSE_MS = 10_000;
/** A server that says nothing for so many samples, or milliseconds, is not there. */
const SILENT_SAMPLES = 4;
const SILENT_MS = 5_000;

/** The stream of the dashboard, which connects again whenever it is lost, and then gets what it has missed. */
export class Stream {
  readonly #listener: StreamListener;
  readonly #tokenOf: () => string | undefined;
  #last: string | undefined;
  #sampleMs = 1_000;
  #attempts = 0;
  #abort: AbortController | undefined;
  #timer: number | undefined;

  constructor(listener: StreamListener, tokenOf: () => string | undefined) {
    this.#listener = listener;
    this.#tokenOf = tokenOf;
    const now = (): void => {
      if (this.#timer !== undefined) this.connect();
    };
    window.addEventListener('online', now);
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') now();
    });
  }

  /** Connects now. */
  connect(): void {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#listener.state({ kind: 'connecting' });
    void this.#read(abort).catch((error: unknown) => {
      if (this.#abort === abort) this.#lost(error instanceof Error ? error.message : String(error));
    });
  }

  async #read(abort: AbortController): Promise<void> {
    const token = this.#tokenOf();
    const query = this.#last === undefined ? '' : `?has=${encodeURIComponent(this.#last)}`;
    const response = await this.#withinPatience(
      abort,
      fetch(`events${query}`, {
        signal: abort.signal,
        cache: 'no-store',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      }),
    );
    if (response.status === 401) return this.#listener.state({ kind: 'token' });
    if (!response.ok || response.body === null) throw new Error((await response.text()).trim());
    const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const reader = new EventReader();
    for (;;) {
      const { done, value } = await this.#withinPatience(abort, pieces.read());
      if (done) throw new Error('The server has ended the stream.');
      for (const { id, data } of reader.read(value)) this.#take(id, JSON.parse(data) as Message);
    }
  }

  #take(id: string | undefined, message: Message): void {
    this.#last = id ?? this.#last;
    this.#sampleMs = message.hello?.sampleMs ?? this.#sampleMs;
    this.#attempts = 0;
    this.#listener.message(message);
    this.#listener.state({ kind: 'live' });
  }

  /** A server that says nothing is as good as one that is not there. */
  async #withinPatience<T>(abort: AbortController, work: Promise<T>): Promise<T> {
    const ms = Math.max(SILENT_MS, SILENT_SAMPLES * this.#sampleMs);
    const reason = new Error(`The server has said nothing for ${Math.round(ms / 1_000)} s.`);
    const timer = window.setTimeout(() => abort.abort(reason), ms);
    try {
      return await work;
    } finally {
      window.clearTimeout(timer);
    }
  }

  #lost(reason: string): void {
    const most = Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempts);
    this.#attempts++;
    // Thousands of pages do not come back in the same moment.
    const pause = most * (0.5 + Math.random() / 2);
    this.#timer = window.setTimeout(() => this.connect(), pause);
    this.#listener.state({ kind: 'lost', retryAt: Date.now() + pause, reason });
  }
}
