import { messageOf } from '../model/errors.ts';

/** A stream that the parser of `pg` listens to. */
interface ByteSource {
  on(event: string, listener: (...args: never[]) => void): unknown;
  destroy(error?: Error): unknown;
}

/** Takes over from the parser of `pg` while it is active, and gives back what it does not want. */
export interface Tap {
  readonly active: boolean;
  read(chunk: Buffer): Buffer | undefined;
}

/** The method by which `pg` sets its parser on a socket, once in the clear and once more for TLS. */
export interface ParsedWire {
  attachListeners?: (stream: ByteSource) => void;
}

/** Types of the messages that a server sends. */
const KNOWN = typesOf('123ACDEGHIKNRSTVWZcdnstv');
/** Types whose messages may be longer than {@link SHORT_BYTES}; libpq's list, with the description of many parameters. */
const LONG = typesOf('ADENTVdt');
const SHORT_BYTES = 30_000;
/** No message of PostgreSQL is longer than what it can allocate at once. */
const MAX_BYTES = 0x3fff_ffff;
const HEAD_BYTES = 5;
const ERROR = 0x45;
const NOTICE = 0x4e;
/** Letters of the severity: in the server's language, and in English (PostgreSQL 9.6 and newer). */
const LOCAL_SEVERITY = 0x53;
const SEVERITY = 0x56;

/**
 * Keeps from the parser of `pg` what would make it throw, wait for gigabytes, or never return: what it throws
 * while reading a socket ends the process, and an ErrorResponse without its end sends it round for ever. The connection
 * is then gone, as after any other loss. Messages before the bad one are delivered.
 */
export function checkFrames(wire: ParsedWire, tap?: Tap): PassMessage | undefined {
  const attach = wire.attachListeners;
  if (attach === undefined) return undefined;
  let way: CheckedWay | undefined;
  wire.attachListeners = (stream) => {
    way = new CheckedWay(stream, tap);
    attach.call(wire, way);
  };
  return (message) => way?.pass(message);
}

/** Hands a whole message to the parser of `pg`. */
export type PassMessage = (message: Buffer) => void;

type Parse = (bytes: Buffer) => void;

/** What the parser of `pg` takes for the stream. One object, for there is one for each connection. */
class CheckedWay implements ByteSource {
  readonly #stream: ByteSource;
  readonly #tap: Tap | undefined;
  readonly #frames = new Frames();
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
    const good = this.#frames.take(chunk);
    this.#parse?.(good === chunk.length ? chunk : chunk.subarray(0, good));
    if (good < chunk.length) throw new Error(this.#frames.complaint);
  }

  #read(chunk: Buffer): void {
    if (this.#broken) return;
    try {
      const tap = this.#tap;
      const rest = tap?.active === true ? this.#tapped(tap, chunk) : chunk;
      if (rest !== undefined) this.pass(rest);
    } catch (error) {
      this.#broken = true;
      this.#stream.destroy(notPostgres(error));
    }
  }

  /** A message whose beginning the parser of `pg` has got is its own to the end. */
  #tapped(active: Tap, chunk: Buffer): Buffer | undefined {
    let at = 0;
    while (at < chunk.length && this.#frames.missing > 0) {
      const end = Math.min(chunk.length, at + this.#frames.missing);
      this.pass(chunk.subarray(at, end));
      at = end;
    }
    return at < chunk.length ? active.read(at === 0 ? chunk : chunk.subarray(at)) : undefined;
  }
}

/** A code of the system, since whether a statement was executed is as open as after a reset. */
function notPostgres(cause: unknown): Error {
  const why = messageOf(cause);
  const error = new Error(`The connection was closed, for what came is not PostgreSQL's protocol: ${why}`, {
    cause,
  });
  return Object.assign(error, { code: 'ECONNABORTED' });
}

/** Follows the heads of messages through a stream, however it is cut. */
export class Frames {
  /** What is wrong with the message at which {@link take} stopped. */
  complaint = '';
  /** Of the head: how much of it came, and what it says as far as it came. */
  #headBytes = 0;
  #type = 0;
  #length = 0;
  #bodyLeft = 0;
  /** The parts of an error or a notice, which is looked through as a whole. */
  #report: Buffer[] | undefined;
  readonly #exchanges: boolean;

  /** `exchanges`: whether the severities of a report change places, for a driver that reads the first alone. Default `true`. */
  constructor(exchanges = true) {
    this.#exchanges = exchanges;
  }

  /** Bytes that are missing for certain to the end of a message that has begun; 0 between messages. */
  get missing(): number {
    if (this.#headBytes === 0) return 0;
    return this.#headBytes < HEAD_BYTES ? HEAD_BYTES - this.#headBytes : this.#bodyLeft;
  }

  /** How many bytes of `chunk`, from its beginning, may be parsed. */
  take(chunk: Buffer): number {
    let at = this.#headBytes === 0 ? this.#takeWhole(chunk) : 0;
    while (at < chunk.length) {
      if (this.#headBytes < HEAD_BYTES) {
        const end = Math.min(chunk.length, at + HEAD_BYTES - this.#headBytes);
        // The last byte of a bad head is kept back: the parser would act on a whole one.
        for (let place = at; place < end; place++) this.#takeHead(chunk[place] ?? 0);
        if (this.#headBytes === HEAD_BYTES && !this.#begin()) return end - 1;
        at = end;
      } else {
        const end = Math.min(chunk.length, at + this.#bodyLeft);
        this.#report?.push(chunk.subarray(at, end));
        this.#bodyLeft -= end - at;
        if (this.#bodyLeft === 0 && !this.#isReportWhole()) return end - 1;
        at = end;
      }
      if (this.#headBytes === HEAD_BYTES && this.#bodyLeft === 0) this.#finish();
    }
    return at;
  }

  /** The path of nearly every message: the whole of it is there, its head is fine, and nobody has to look inside. */
  #takeWhole(chunk: Buffer): number {
    let at = 0;
    while (at + HEAD_BYTES <= chunk.length) {
      const type = chunk[at] ?? 0;
      const length = chunk.readUInt32BE(at + 1);
      if (type === ERROR || type === NOTICE || !KNOWN[type] || length < 4) break;
      if (length > SHORT_BYTES || at + 1 + length > chunk.length) break;
      at += 1 + length;
    }
    return at;
  }

  #takeHead(byte: number): void {
    if (this.#headBytes === 0) {
      this.#type = byte;
      this.#length = 0;
    } else this.#length = this.#length * 256 + byte;
    this.#headBytes++;
  }

  #begin(): boolean {
    const type = this.#type;
    const length = this.#length;
    const isReport = type === ERROR || type === NOTICE;
    if (!KNOWN[type]) this.complaint = `no message has the type ${JSON.stringify(String.fromCharCode(type))}`;
    else if (length < 4 || length > (LONG[type] ? MAX_BYTES : SHORT_BYTES)) {
      this.complaint = `a message of type ${String.fromCharCode(type)} claims to be ${length} bytes long`;
    } else if (isReport && length === 4) this.complaint = 'an error or a notice is empty';
    else {
      this.#bodyLeft = length - 4;
      this.#report = isReport ? [] : undefined;
      return true;
    }
    return false;
  }

  #finish(): void {
    this.#headBytes = 0;
    this.#report = undefined;
  }

  /**
   * `pg` gives the severity in the language of the server's `lc_messages` and drops the one that is always English, by which one
   * tells errors apart. A report that came in more than two pieces may keep the other: the parser has a copy of the first then.
   */
  #exchange(local: number, english: number): void {
    exchangeIn(this.#report ?? [], local, english);
  }

  /** Fields of a letter and a text each, up to a NUL in a letter's place. */
  #isReportWhole(): boolean {
    if (this.#report === undefined) return true;
    const [only] = this.#report;
    const body = this.#report.length === 1 && only !== undefined ? only : Buffer.concat(this.#report);
    let local: number | undefined;
    let english: number | undefined;
    for (let at = 0; at < body.length && at >= 0; ) {
      const letter = body[at];
      if (letter === 0) {
        if (this.#exchanges && local !== undefined && english !== undefined) this.#exchange(local, english);
        return true;
      }
      if (letter === LOCAL_SEVERITY) local = at;
      else if (letter === SEVERITY) english = at;
      const end = body.indexOf(0, at + 1);
      if (end === -1) break;
      at = end + 1;
    }
    this.complaint = 'an error or a notice does not end where it should';
    return false;
  }
}

/** The letters of two fields change places, in the very bytes that the parser of `pg` gets or has got. */
function exchangeIn(parts: readonly Buffer[], first: number, second: number): void {
  let begin = 0;
  for (const part of parts) {
    for (const [at, letter] of [
      [first, SEVERITY],
      [second, LOCAL_SEVERITY],
    ] as const) {
      if (at >= begin && at < begin + part.length) part[at - begin] = letter;
    }
    begin += part.length;
  }
}

function typesOf(letters: string): readonly boolean[] {
  return Array.from({ length: 256 }, (_, code) => letters.includes(String.fromCharCode(code)));
}
