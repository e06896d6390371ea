import { messageOf } from '../../model/errors.ts';
import { notProtocol } from '../../wire/failures.ts';
import { FrameCheck } from '../../wire/frame-check.ts';

/** A stream that the parser of `pg` listens to. */
interface ByteSource {
  on(event: string, listener: (...args: never[]) => void): unknown;
  destroy(error?: Error): unknown;
}

/** Reads in place of the parser of `pg` while it is active, and returns the bytes that are not its own. */
export interface Tap {
  readonly active: boolean;
  read(chunk: Buffer): Buffer | undefined;
}

/** The method by which `pg` sets its parser on a socket, once in the clear and once more for TLS. */
export interface ParsedWire {
  attachListeners?: (stream: ByteSource) => void;
}

/** Hands a whole message to the parser of `pg`. */
export type PassMessage = (message: Buffer) => void;

/**
 * Keeps from the parser of `pg` the messages at which it would throw, wait for gigabytes, or never return: an
 * exception while it reads a socket ends the process, and an ErrorResponse without its end makes it loop
 * forever. The connection is then closed, as after any other loss. Messages before the bad one are delivered.
 */
export function checkFrames(wire: ParsedWire, tap?: Tap): PassMessage | undefined {
  const attach = wire.attachListeners;
  if (attach === undefined) return undefined;
  let stream: CheckedStream | undefined;
  wire.attachListeners = (source) => {
    stream = new CheckedStream(source, tap);
    attach.call(wire, stream);
  };
  return (message) => stream?.pass(message);
}

type Parse = (bytes: Buffer) => void;

/**
 * What the parser of `pg` takes for the stream. One object without closures: there is one for each
 * connection.
 */
class CheckedStream implements ByteSource {
  readonly #stream: ByteSource;
  readonly #tap: Tap | undefined;
  readonly #check = new FrameCheck(true);
  #parse: Parse | undefined;
  #broken = false;

  constructor(stream: ByteSource, tap: Tap | undefined) {
    this.#stream = stream;
    this.#tap = tap;
  }

  on(event: string, listener: (...args: never[]) => void): unknown {
    if (event !== 'data') return this.#stream.on(event, listener);
    this.#parse = listener as Parse;
    return this.#stream.on(event, (chunk: Buffer) => this.#read(chunk));
  }

  destroy(error?: Error): unknown {
    return this.#stream.destroy(error);
  }

  pass(chunk: Buffer): void {
    const good = this.#check.take(chunk);
    this.#parse?.(good === chunk.length ? chunk : chunk.subarray(0, good));
    if (good < chunk.length) throw new Error(this.#check.complaint);
  }

  #read(chunk: Buffer): void {
    if (this.#broken) return;
    try {
      const tap = this.#tap;
      const rest = tap?.active === true ? this.#readByTap(tap, chunk) : chunk;
      if (rest !== undefined) this.pass(rest);
    } catch (error) {
      this.#broken = true;
      this.#stream.destroy(notProtocol(messageOf(error), error));
    }
  }

  /** A message of which the parser of `pg` has got the beginning is its own to the end. */
  #readByTap(tap: Tap, chunk: Buffer): Buffer | undefined {
    let at = 0;
    while (at < chunk.length && this.#check.missing > 0) {
      const end = Math.min(chunk.length, at + this.#check.missing);
      this.pass(chunk.subarray(at, end));
      at = end;
    }
    return at < chunk.length ? tap.read(at === 0 ? chunk : chunk.subarray(at)) : undefined;
  }
}
