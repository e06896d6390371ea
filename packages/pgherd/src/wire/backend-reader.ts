import { FrameCheck } from './frame-check.ts';
import { Frames } from './frames.ts';
import { readFields, severityOf } from './lane/errors.ts';
import { HEAD_BYTES, typeName } from './messages.ts';

/** Fields of an error or a notice that pgherd reads; `all` has every field, by its letter. */
export interface Report {
  /** In English, if the server reports it so. */
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  readonly routine: string | undefined;
  readonly all: ReadonlyMap<string, string>;
}

/** What a server's messages mean, in the order of the wire. */
export interface BackendObserver {
  /**
   * A request for authentication, by its number in the protocol; `false` refuses it, and nothing more is
   * read.
   */
  authentication(kind: number, body: Buffer): boolean;
  key(pid: number, secret: Buffer): void;
  parameter(name: string, value: string): void;
  /** A description of rows: those of the running statement follow. */
  rows(): void;
  /** The tag of a command that is complete. */
  complete(tag: string): void;
  error(report: Report): void;
  notice(report: Report): void;
  /** The server begins a COPY; `false` refuses it, and nothing more is read. */
  copy(): boolean;
  notification(channel: string, payload: string, pid: number): void;
  /** ReadyForQuery with its status letter. */
  ready(status: string): void;
}

/** Types of the messages that are read. */
const READ: ReadonlySet<number> = new Set([...'RKSTCENAZGHW'].map((letter) => letter.charCodeAt(0)));

/**
 * Follows the messages of a server beside a driver that does not report all of them. A message that is framed
 * wrongly, or that would make the driver loop forever, is found before the driver sees it.
 */
export class BackendReader {
  readonly #observer: BackendObserver;
  readonly #check = new FrameCheck(false);
  readonly #frames: Frames;
  #complaint = '';
  /** Length of the message that must not be passed on, bytes; 0 if there is none. */
  #refusedBytes = 0;

  constructor(observer: BackendObserver) {
    this.#observer = observer;
    this.#frames = new Frames(
      (type, bytes, start, end) => this.#take(type, bytes, start, end),
      (type) => !READ.has(type),
    );
  }

  /** What was wrong with the message at which {@link take} stopped; empty if the observer refused it. */
  get complaint(): string {
    return this.#complaint;
  }

  /**
   * How many bytes of `chunk`, from its beginning, the driver may see: fewer than all if something is wrong.
   */
  take(chunk: Buffer): number {
    const framed = this.#check.take(chunk);
    const rest = this.#frames.read(framed === chunk.length ? chunk : chunk.subarray(0, framed));
    if (this.#refusedBytes > 0) {
      const end = framed - (rest?.length ?? 0);
      return Math.max(0, end - this.#refusedBytes);
    }
    if (framed < chunk.length) this.#complaint = this.#check.complaint;
    return framed;
  }

  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    const good = !READ.has(type) || this.#understand(String.fromCharCode(type), bytes.subarray(start, end));
    if (good === true) return true;
    if (good === undefined) this.#complaint = `a message of type ${typeName(type)} is malformed`;
    this.#refusedBytes = HEAD_BYTES + end - start;
    return false;
  }

  /** `undefined` for a body that is not what its type says, `false` if the observer refuses the message. */
  #understand(letter: string, body: Buffer): boolean | undefined {
    switch (letter) {
      case 'R':
        return body.length < 4
          ? undefined
          : this.#observer.authentication(body.readUInt32BE(0), body.subarray(4));
      case 'K':
        if (body.length < 8) return undefined;
        this.#observer.key(body.readUInt32BE(0), Buffer.from(body.subarray(4)));
        return true;
      case 'S':
        return this.#parameter(body);
      case 'T':
        if (!describesColumns(body)) return undefined;
        this.#observer.rows();
        return true;
      case 'C':
        this.#observer.complete(stringAt(body, 0) ?? '');
        return true;
      case 'E':
        this.#observer.error(reportOf(body));
        return true;
      case 'N':
        this.#observer.notice(reportOf(body));
        return true;
      case 'A':
        return this.#notification(body);
      case 'G':
      case 'H':
      case 'W':
        return this.#observer.copy();
      default:
        if (body.length < 1) return undefined;
        this.#observer.ready(String.fromCharCode(body[0] ?? 0));
        return true;
    }
  }

  #parameter(body: Buffer): boolean | undefined {
    const strings = twoStrings(body, 0);
    if (strings === undefined) return undefined;
    this.#observer.parameter(...strings);
    return true;
  }

  #notification(body: Buffer): boolean | undefined {
    const strings = body.length < 4 ? undefined : twoStrings(body, 4);
    if (strings === undefined) return undefined;
    this.#observer.notification(...strings, body.readUInt32BE(0));
    return true;
  }
}

function twoStrings(body: Buffer, start: number): [string, string] | undefined {
  const middle = body.indexOf(0, start);
  const first = stringAt(body, start);
  const second = middle === -1 ? undefined : stringAt(body, middle + 1);
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** The string from `start` up to its NUL; `undefined` without one. */
function stringAt(body: Buffer, start: number): string | undefined {
  const end = body.indexOf(0, start);
  return end === -1 ? undefined : body.toString('utf8', start, end);
}

/** Whether a RowDescription has as many columns as it claims, each with the end of its name. */
function describesColumns(body: Buffer): boolean {
  if (body.length < 2) return false;
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const end = body.indexOf(0, at);
    if (end === -1) return false;
    at = end + 1 + 18;
  }
  return at <= body.length;
}

function reportOf(body: Buffer): Report {
  const all = readFields(body, 0, body.length);
  return {
    severity: severityOf(all) ?? 'ERROR',
    sqlState: all.get('C') ?? '00000',
    message: all.get('M') ?? '',
    routine: all.get('R'),
    all,
  };
}
