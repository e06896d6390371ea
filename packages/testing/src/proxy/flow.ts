import type { Socket } from 'node:net';
import { resetSocket } from '../reset.ts';

/** Which way bytes go. */
export type Direction = 'to-server' | 'to-client';

/** What happens to the bytes of one direction. */
export type Passage = 'forward' | 'blackhole' | 'drop';

/** The rules of one direction, shared by all connections of a proxy; changed by the proxy alone. */
export interface FlowRules {
  passage: Passage;
  /** In milliseconds. */
  delayMs: number;
  /** Nothing of a connection passes before it is this old, milliseconds. */
  startDelayMs: number;
}

type Item = { readonly dueAt: number } & (
  | { readonly kind: 'data'; readonly chunk: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }
);

/** How many bytes one direction may hold back before the sender feels it. */
const HIGH_WATER_BYTES = 256 * 1024;

/** How a flow asks its connection. */
export interface FlowHooks {
  /** Data has arrived, whatever becomes of it. */
  arrived(chunk: Buffer): void;
  /** True: this chunk must not pass, the connection is to be cut here. */
  cutBefore(chunk: Buffer): boolean;
  /** The connection is to be cut now. */
  cut(): void;
}

/**
 * One direction of one connection: a queue in which data, the end (FIN) and a reset (RST) keep their order. While the passage is a
 * blackhole nothing leaves the queue, the end no more than data; a full queue stops reading, so the sender's window closes.
 */
export class Flow {
  /** Data has been thrown away, so the stream is not whole any more. */
  lossy = false;
  readonly #source: Socket;
  readonly #target: Socket;
  readonly #rules: FlowRules;
  readonly #hooks: FlowHooks;
  readonly #queue: Item[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #closed = false;
  readonly #notBefore: number;

  constructor(source: Socket, target: Socket, rules: FlowRules, hooks: FlowHooks) {
    this.#source = source;
    this.#target = target;
    this.#rules = rules;
    this.#hooks = hooks;
    this.#notBefore = performance.now() + rules.startDelayMs;
    source.on('data', (chunk: Buffer) => {
      this.#hooks.arrived(chunk);
      this.#push({ kind: 'data', chunk, dueAt: this.#dueAt() });
    });
    source.on('end', () => this.#push({ kind: 'end', dueAt: this.#dueAt() }));
    source.on('error', () => this.#push({ kind: 'reset', dueAt: this.#dueAt() }));
    target.on('drain', () => {
      this.#blocked = false;
      this.advance();
    });
  }

  /** Moves what may move; called when the rules have changed, too. */
  advance(): void {
    clearTimeout(this.#timer);
    while (!this.#closed && !this.#blocked) {
      const item = this.#queue[0];
      if (item === undefined || this.#rules.passage === 'blackhole') break;
      const waitMs = item.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.advance(), Math.ceil(waitMs));
        break;
      }
      this.#queue.shift();
      this.#perform(item);
    }
    this.#throttle();
  }

  /** Forgets everything; nothing moves any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }

  #dueAt(): number {
    const due = performance.now() + this.#rules.delayMs;
    return Math.max(due, this.#notBefore, this.#queue.at(-1)?.dueAt ?? 0);
  }

  #push(item: Item): void {
    if (this.#closed) return;
    this.#queue.push(item);
    if (item.kind === 'data') this.#queuedBytes += item.chunk.length;
    this.advance();
  }

  #perform(item: Item): void {
    switch (item.kind) {
      case 'data':
        this.#queuedBytes -= item.chunk.length;
        if (this.#rules.passage === 'drop') this.lossy = true;
        else if (this.#hooks.cutBefore(item.chunk)) this.#hooks.cut();
        else this.#blocked = !this.#target.write(item.chunk);
        return;
      case 'end':
        this.#target.end();
        return;
      case 'reset':
        resetSocket(this.#target);
        return;
      default:
        item satisfies never;
    }
  }

  #throttle(): void {
    if (this.#closed) return;
    if (this.#queuedBytes >= HIGH_WATER_BYTES) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}
