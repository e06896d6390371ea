import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { type BackendObserver, BackendReader } from '../../wire/backend-reader.ts';
import { notProtocol } from '../../wire/failures.ts';
import { endedUnexpectedly, secondConnection } from './inside.ts';

/** What postgres.js uses of a socket. */
export interface SocketLike {
  readonly readyState: string;
  on(event: string, listener: (...args: never[]) => void): SocketLike;
  once(event: string, listener: (...args: never[]) => void): SocketLike;
  removeListener(event: string, listener: (...args: never[]) => void): SocketLike;
  removeAllListeners(): SocketLike;
  write(bytes: Buffer, written?: (error?: Error | null) => void): boolean;
  end(bytes?: Buffer): void;
  destroy(error?: Error): void;
  pause(): void;
  resume(): void;
}

/** What the gate tells besides the messages. */
export interface GateObserver extends BackendObserver {
  /** The socket is gone; called once, before postgres.js hears of it. */
  closed(reason: unknown): void;
}

type Listener = (...args: never[]) => void;

/** An emitter with the methods by which postgres.js listens. */
function listening(emitter: EventEmitter, self: () => SocketLike) {
  return {
    on: (event: string, listener: Listener) => {
      emitter.on(event, listener as () => void);
      return self();
    },
    once: (event: string, listener: Listener) => {
      emitter.once(event, listener as () => void);
      return self();
    },
    removeListener: (event: string, listener: Listener) => {
      emitter.removeListener(event, listener as () => void);
      return self();
    },
    removeAllListeners: () => {
      emitter.removeAllListeners();
      return self();
    },
  };
}

/** The empty text as a simple query. */
const EMPTY_QUERY = Buffer.from('Q\0\0\0\x05\0', 'latin1');
/** EmptyQueryResponse, and ReadyForQuery outside of a transaction. */
const EMPTY_ANSWER = Buffer.from('I\0\0\0\x04Z\0\0\0\x05I', 'latin1');

/**
 * Stands between a socket and postgres.js. It sees every message before postgres.js does, tells what
 * postgres.js keeps to itself, and is passed once: a postgres.js that wants to connect again, silently and to
 * a session that has lost roles and settings, gets an error.
 *
 * postgres.js connects only in order to run a statement: the first empty one, of which no server needs to
 * know, is answered here.
 */
export class Gate {
  readonly socket: Socket;
  /** Bytes that postgres.js has given to the socket so far. */
  bytesWritten = 0;
  readonly #observer: GateObserver;
  readonly #reader: BackendReader;
  readonly #emitter = new EventEmitter();
  readonly #facade: SocketLike;
  #reason: unknown;
  #taken = false;
  #opened = false;
  #shut = false;

  constructor(socket: Socket, observer: GateObserver) {
    this.socket = socket;
    this.#observer = observer;
    this.#reader = new BackendReader(observer);
    this.#facade = this.#facadeOf(socket);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#emitter.emit('drain'));
    socket.on('error', (error) => {
      this.#reason ??= error;
    });
    socket.on('close', () => this.#onClose());
  }

  /** Whether nothing passes any more. */
  get isShut(): boolean {
    return this.#shut;
  }

  /** The socket for postgres.js: the first time it asks, and never again. */
  take(): SocketLike | undefined {
    if (this.#taken) return undefined;
    this.#taken = true;
    return this.#facade;
  }

  /** Destroys the socket; nothing is passed on from now on. `reason` counts if there is none yet. */
  destroy(reason?: unknown): void {
    this.#reason ??= reason;
    this.#shut = true;
    this.socket.destroy();
  }

  #facadeOf(socket: Socket): SocketLike {
    const facade: SocketLike = {
      ...listening(this.#emitter, () => facade),
      get readyState() {
        return socket.readyState;
      },
      write: (bytes, written) => this.#write(bytes, written),
      end: (bytes) => {
        if (!this.#shut) socket.end(bytes ?? '');
      },
      destroy: (error) => this.destroy(error),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    };
    return facade;
  }

  #write(bytes: Buffer, written?: (error?: Error | null) => void): boolean {
    if (this.#shut) {
      written?.(endedUnexpectedly());
      return true;
    }
    if (!this.#opened && bytes.equals(EMPTY_QUERY)) {
      this.#opened = true;
      queueMicrotask(() => this.#emitter.emit('data', EMPTY_ANSWER));
      return true;
    }
    this.bytesWritten += bytes.length;
    return this.socket.write(bytes, written);
  }

  #onData(chunk: Buffer): void {
    if (this.#shut) return;
    const good = this.#reader.take(chunk);
    if (this.#shut) return;
    if (good > 0) this.#emitter.emit('data', good === chunk.length ? chunk : chunk.subarray(0, good));
    if (good < chunk.length) this.destroy(notProtocol(this.#reader.complaint));
  }

  #onClose(): void {
    this.#shut = true;
    const reason = this.#reason ?? endedUnexpectedly();
    this.#observer.closed(reason);
    // postgres.js rejects with what `error` says, and forgets what it had begun with `close`.
    if (this.#emitter.listenerCount('error') > 0) this.#emitter.emit('error', reason);
    this.#emitter.emit('close', true);
  }
}

/** PostgreSQL's CancelRequest: the number in the place of a protocol version. */
const CANCEL_CODE = 80_877_102;

/** What a further socket of postgres.js may do. */
export interface FurtherSocketPorts {
  /** The error for an attempt to reconnect; `undefined` while the connection is open. */
  refusal(): Error | undefined;
  /** Opens a socket to the same server, for a request to cancel. */
  open(): Promise<Socket>;
}

/**
 * A socket that lets pass nothing but a request to cancel, which postgres.js sends over one of its own.
 * Nothing else is connected to: what postgres.js wanted to send is answered with an error.
 */
export function furtherSocket(ports: FurtherSocketPorts): SocketLike {
  const emitter = new EventEmitter();
  let ended = false;
  const close = (error?: unknown) => {
    if (ended) return;
    ended = true;
    if (error !== undefined && emitter.listenerCount('error') > 0) emitter.emit('error', error);
    emitter.emit('close', error !== undefined);
  };
  const cancel = async (bytes: Buffer) => {
    const socket = await ports.open();
    socket.on('error', close).on('close', () => close());
    socket.resume();
    socket.end(bytes);
  };
  const methods = listening(emitter, () => facade);
  const facade: SocketLike = {
    ...methods,
    readyState: 'open',
    on: (event, listener) => {
      methods.on(event, listener);
      const refusal = event === 'data' ? ports.refusal() : undefined;
      // postgres.js is in the middle of beginning: it hears of the end when it is done with that.
      if (refusal !== undefined) queueMicrotask(() => close(refusal));
      return facade;
    },
    write: (bytes) => {
      if (bytes.length === 16 && bytes.readUInt32BE(4) === CANCEL_CODE) cancel(bytes).catch(close);
      else queueMicrotask(() => close(secondConnection()));
      return true;
    },
    end: () => close(),
    destroy: (error) => close(error),
    pause: () => undefined,
    resume: () => undefined,
  };
  return facade;
}
