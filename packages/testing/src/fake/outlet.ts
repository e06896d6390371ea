import type { Socket } from 'node:net';

/** The way out of a connection, which can be narrowed to so many bytes; the rest is kept until it is opened again. */
export class Outlet {
  readonly #socket: Socket;
  #allowance = Number.POSITIVE_INFINITY;
  #kept: Buffer[] = [];
  #closing = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends, or keeps what may not pass. */
  send(bytes: Buffer): void {
    const passing = bytes.subarray(0, Math.min(bytes.length, this.#allowance));
    if (passing.length < bytes.length) this.#kept.push(bytes.subarray(passing.length));
    this.#allowance -= passing.length;
    if (passing.length > 0 && this.#socket.writable) this.#socket.write(passing);
  }

  /** From now on only so many bytes pass. */
  limit(bytes: number): void {
    this.#allowance = Math.min(this.#allowance, bytes);
  }

  /** Everything passes again, beginning with what was kept. */
  open(): void {
    this.#allowance = Number.POSITIVE_INFINITY;
    for (const bytes of this.#kept.splice(0)) this.send(bytes);
    if (this.#closing) this.close();
  }

  /** Closes in order, behind everything that was sent. */
  close(): void {
    this.#closing = true;
    if (this.#allowance === Number.POSITIVE_INFINITY) this.#socket.end();
  }
}
