import { Duplex } from 'node:stream';
import type { CallOptions } from '../call/call.ts';
import type { GuestPort, PlacedGuest } from '../engine/guests.ts';
import type { Guest } from '../node/guest-list.ts';
import { ServerError } from '../wire/content/server-error.ts';
import { Line, type Waiting } from './line.ts';
import { asError, lost } from './lost.ts';
import {
  type FirstPacket,
  GOODBYE,
  NO_ENCRYPTION,
  ownParameters,
  readFirstPacket,
  refusal,
  welcome,
} from './startup.ts';

/** What a façade is made of. */
export interface FacadeParts {
  readonly port: GuestPort;
  readonly routing: CallOptions;
  /** Names that clients send as user or database although the program named none. */
  readonly usual: readonly (string | undefined)[];
  /** Reports an error that ends the connection, and closes it. Default: as a socket does. */
  readonly farewell?: ((facade: Facade, error: Error) => void) | undefined;
  /** Longest wait for a node, ms. Default: the cluster's `waitTimeoutMs`. */
  readonly waitTimeoutMs?: number | undefined;
  /** The error of a guest that can have no connection. */
  readonly refusal?: Error | undefined;
  /** Whether a guest that destroys it while it waits for a node gets an error that says why there was none. Default `false`. */
  readonly explains?: boolean | undefined;
}

/**
 * What a guest takes for the socket to its server. Behind it pgherd finds a node, opens a connection, and logs in; then the bytes pass
 * as they are (`./line.ts`).
 *
 * `first`: the guest has not said yet what it wants. `opening`: a session is being opened, or a cancel passed on. `open`: there is a
 * line. `over`: nothing passes any more, and what the guest writes is dropped. Each is entered once, in this order, some never.
 */
export class Facade extends Duplex implements Guest {
  readonly #parts: FacadeParts;
  readonly #abort = new AbortController();
  /** When the wait for a node began, ms of the cluster's clock. */
  #openingAt = 0;
  #placed: PlacedGuest | undefined;
  #state: 'first' | 'opening' | 'open' | 'over' = 'first';
  /** What came of the first packet. */
  #first: Buffer = Buffer.alloc(0);
  #line: Line | undefined;
  /** What the guest wrote before there was a line. */
  #waiting: Waiting | undefined;
  #draining: string | undefined;
  #isHeld = false;
  #isReffed = true;

  constructor(parts: FacadeParts) {
    super();
    this.#parts = parts;
  }

  // What clients call on a socket.

  /** Reports `connect` soon. Where it leads is found out once the guest has said what it wants. */
  connect(...args: readonly unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === 'function') this.once('connect', listener as () => void);
    // A pool that has given up may still let its client connect: it waits for one of these.
    const isLate = this.destroyed;
    process.nextTick(() => {
      if (!this.destroyed) this.emit('connect');
      else if (!isLate) return;
      else {
        this.emit('error', lost(undefined, 'was closed before it was used'));
        this.emit('close');
      }
    });
    return this;
  }

  /** Nothing is delayed. */
  setNoDelay(): this {
    return this;
  }

  /** The cluster's connection string says when keepalives are sent. */
  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this.#setRef(true);
  }

  unref(): this {
    return this.#setRef(false);
  }

  /** As of a socket. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  /** The way to the server may be. Old versions of postgres.js would otherwise take this stream again once it has closed, and hang. */
  get encrypted(): boolean {
    return true;
  }

  // What a pool asks for.

  /** The node that it leads to; `undefined` before there is a session. */
  get node(): string | undefined {
    return this.#placed?.node;
  }

  /** Whether the next statement may go here: nothing has ended it or will, and its node is one that was asked for. */
  get suits(): boolean {
    return this.#state === 'open' && this.#draining === undefined && this.#placed?.suits() === true;
  }

  /** As of a {@link PlacedGuest}. */
  get doubt(): Promise<void> | undefined {
    return this.#placed?.doubt();
  }

  // What the node asks for.

  drain(reason: string): void {
    this.#draining ??= reason;
    this.#line?.drain(reason);
  }

  bury(reason: string): void {
    if (this.#line === undefined) this.#die(lost(undefined, `was ended: ${reason}`));
    else this.#line.bury(reason);
  }

  hold(): void {
    this.#isHeld = true;
    this.#line?.hold();
  }

  goOn(): void {
    this.#isHeld = false;
    this.#line?.goOn();
  }

  // From the guest.

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Waiting['done']): void {
    switch (this.#state) {
      case 'first':
        this.#begin(chunk, done);
        return;
      case 'opening':
        if (chunk.equals(GOODBYE)) {
          done();
          this.#leave();
        } else this.#waiting = { bytes: chunk, done };
        return;
      case 'open':
        this.#line?.write(chunk, done);
        return;
      case 'over':
        done();
        return;
      default:
        this.#state satisfies never;
    }
  }

  /** Clients write a statement in pieces: together they are one write to the socket. */
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Waiting['done']): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done);
  }

  override _read(): void {
    this.#line?.wantMore();
  }

  override _final(done: (error?: Error | null) => void): void {
    done();
    this.#leave();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const why = this.#whyNoNode();
    // Of pg's own error of a timeout it is the cause.
    if (error !== null && why !== null) error.cause ??= why;
    const reason = error ?? why;
    this.#state = 'over';
    this.#abort.abort(reason ?? new Error('the guest ended the connection'));
    this.#line?.leave();
    this.#release();
    done(reason);
  }

  /** The error for a guest that gives up while it waits for a node; `null` if it does not wait, or is not to have one. */
  #whyNoNode(): Error | null {
    const { port, routing, explains } = this.#parts;
    if (explains !== true || this.#state !== 'opening' || this.#abort.signal.aborted) return null;
    return port.noNode(routing, port.clock.now() - this.#openingAt);
  }

  #begin(chunk: Buffer, done: Waiting['done']): void {
    this.#first = Buffer.concat([this.#first, chunk]);
    try {
      if (this.#parts.refusal !== undefined) throw this.#parts.refusal;
      const packet = this.#firstPacket();
      if (packet.kind === 'cancel' || packet.kind === 'startup') this.#state = 'opening';
      // A client waits for the answer; if one does not, the rest is for the session.
      if (this.#state === 'opening' && this.#first.length > 0) this.#waiting = { bytes: this.#first, done };
      else done();
      if (packet.kind === 'cancel') void this.#cancel(packet);
      if (packet.kind === 'startup') void this.#open(packet.parameters);
    } catch (error) {
      done();
      this.#die(asError(error));
    }
  }

  /** The first packet that is no question about encryption; its bytes are taken off. */
  #firstPacket(): FirstPacket {
    for (;;) {
      const packet = readFirstPacket(this.#first);
      if (packet.kind === 'incomplete') return packet;
      this.#first = this.#first.subarray(packet.length);
      if (packet.kind !== 'encryption') return packet;
      this.push(NO_ENCRYPTION);
    }
  }

  async #cancel({ processId, secretKey }: FirstPacket & { kind: 'cancel' }): Promise<void> {
    try {
      await this.#parts.port.cancel(processId, secretKey, this.#abort.signal);
      this.#leave();
    } catch (error) {
      this.#die(asError(error));
    }
  }

  async #open(parameters: ReadonlyMap<string, string>): Promise<void> {
    const { port, routing, usual, waitTimeoutMs } = this.#parts;
    this.#openingAt = port.clock.now();
    try {
      const own = ownParameters(parameters, port, usual);
      const guest = await port.open(
        { routing, parameters: own, guest: this, waitTimeoutMs },
        this.#abort.signal,
      );
      this.#opened(guest);
    } catch (error) {
      if (error instanceof ServerError) this.#refused(error);
      else this.#die(asError(error));
    }
  }

  #opened(guest: PlacedGuest): void {
    const line = new Line(guest, {
      clock: this.#parts.port.clock,
      maxMessageBytes: this.#parts.port.maxMessageBytes,
      push: (bytes) => this.push(bytes),
      ended: (error, when) => this.#ended(error, when),
      left: () => this.#leave(),
    });
    // It may have been buried or destroyed in the same turn.
    if (this.#state !== 'opening') {
      line.leave();
      return;
    }
    this.#state = 'open';
    this.#line = line;
    this.#placed = guest;
    if (!this.#isReffed) line.setRef(false);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.#isHeld) line.hold();
    line.begin(welcome(guest.session), waiting);
    if (this.#draining !== undefined) line.drain(this.#draining);
  }

  #setRef(ref: boolean): this {
    this.#isReffed = ref;
    this.#line?.setRef(ref);
    return this;
  }

  // The end.

  /** The guest gets the server's own words, and the end of the connection behind them. */
  #refused(error: ServerError): void {
    if (this.#state !== 'opening') return;
    this.#state = 'over';
    this.push(refusal(error));
    this.#onceRead(() => this.destroy());
    this.#release();
  }

  /**
   * The server's own words have passed as a message: the end behind them is that of a socket, without an error, in a turn of its own. A
   * program that gives the client back meanwhile has it in its pool by then.
   */
  #ended(error: Error, when: 'at-once' | 'once-read'): void {
    this.#state = 'over';
    if (when === 'at-once') this.#say(error);
    else if (error instanceof ServerError && this.#parts.farewell === undefined)
      this.#onceRead(() => this.#soon(() => this.destroy()));
    else this.#onceRead(() => this.#say(error));
  }

  #die(error: Error): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#abort.abort(error);
    this.#say(error);
    this.#release();
  }

  #say(error: Error): void {
    const { farewell } = this.#parts;
    if (this.destroyed) return;
    if (farewell === undefined) this.destroy(error);
    else farewell(this, error);
  }

  /** The guest has said goodbye. It may have more to do with the stream in this turn. */
  #leave(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#abort.abort(new Error('the guest ended the connection'));
    this.#line?.leave();
    this.#release();
    // As a socket whose other side closes too.
    this.push(null);
    this.#soon(() => this.destroy());
  }

  /** What waits is not sent. */
  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.done();
  }

  /** Calls `fn` when the guest has read everything, however long it takes. */
  #onceRead(fn: () => void): void {
    const look = () => this.#onceRead(fn);
    if (this.readableLength === 0 || this.destroyed) fn();
    else if (this.isPaused()) this.once('resume', () => this.#soon(look));
    else this.#soon(look);
  }

  #soon(fn: () => void): void {
    this.#parts.port.clock.schedule(0, fn);
  }
}
