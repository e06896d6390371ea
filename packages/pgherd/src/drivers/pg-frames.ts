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
  let pass: PassMessage = () => undefined;
  wire.attachListeners = (stream) => {
    attach.call(wire, {
      destroy: (error) => stream.destroy(error),
      on: (event, listener) => {
        if (event !== 'data') return stream.on(event, listener);
        const way = checked(stream, listener, tap);
        pass = way.pass;
        return stream.on(event, way.read);
      },
    });
  };
  return (message) => pass(message);
}

/** Hands a whole message to the parser of `pg`. */
export type PassMessage = (message: Buffer) => void;

interface CheckedWay {
  read(chunk: Buffer): void;
  readonly pass: PassMessage;
}

function checked(stream: ByteSource, parse: (...args: never[]) => void, tap: Tap | undefined): CheckedWay {
  const frames = new Frames();
  let broken = false;
  const pass = (chunk: Buffer) => {
    const good = frames.take(chunk);
    (parse as (bytes: Buffer) => void)(good === chunk.length ? chunk : chunk.subarray(0, good));
    if (good < chunk.length) throw new Error(frames.complaint);
  };
  const read = (chunk: Buffer) => {
    if (broken) return;
    try {
      const rest = tap?.active === true ? tapped(tap, chunk) : chunk;
      if (rest !== undefined) pass(rest);
    } catch (error) {
      broken = true;
      stream.destroy(notPostgres(error));
    }
  };
  /** A message whose beginning the parser of `pg` has got is its own to the end. */
  const tapped = (active: Tap, chunk: Buffer) => {
    let at = 0;
    while (at < chunk.length && frames.missing > 0) {
      const end = Math.min(chunk.length, at + frames.missing);
      pass(chunk.subarray(at, end));
      at = end;
    }
    return at < chunk.length ? active.read(at === 0 ? chunk : chunk.subarray(at)) : undefined;
  };
  return { read, pass };
}

/** A code of the system, since whether a statement was executed is as open as after a reset. */
function notPostgres(cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new Error(`The connection was closed, for what came is not PostgreSQL's protocol: ${why}`, {
    cause,
  });
  return Object.assign(error, { code: 'ECONNABORTED' });
}

/** Follows the heads of messages through a stream, however it is cut. */
export class Frames {
  /** What is wrong with the message at which {@link take} stopped. */
  complaint = '';
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
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
        chunk.copy(this.#head, this.#headBytes, at, end);
        this.#headBytes += end - at;
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

  #begin(): boolean {
    const type = this.#head[0] ?? 0;
    const length = this.#head.readUInt32BE(1);
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
