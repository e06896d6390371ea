import { Frames } from './frames.ts';

/** Fields of an error or a notice that pgherd reads; all of them stand in `all`, by their letter. */
export interface Report {
  /** Not translated, where the server tells it so. */
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  readonly routine: string | undefined;
  readonly all: ReadonlyMap<string, string>;
}

/** What a server's messages mean, in the order of the wire. */
export interface BackendObserver {
  /** A demand for authentication, by its number in the protocol; `false` refuses it, and nothing more is read. */
  authentication(kind: number, body: Buffer): boolean;
  key(pid: number, secret: Buffer): void;
  parameter(name: string, value: string): void;
  /** A description of rows: those of the statement that runs follow. */
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

/** Messages that are looked into, by their letter. */
const READ: ReadonlySet<number> = new Set([...'RKSTCENAZGHW'].map((letter) => letter.charCodeAt(0)));
const HEAD_BYTES = 5;

/**
 * Follows the messages of a server beside a driver that does not tell all of them. What is framed wrongly, or would send the
 * driver round for ever, is found before the driver sees it.
 */
export class BackendReader {
  readonly #observer: BackendObserver;
  readonly #frames = new Frames(false);
  /** The beginning of a message whose end has not come yet. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes still to come of a message that is not looked into. */
  #skip = 0;
  #complaint = '';

  constructor(observer: BackendObserver) {
    this.#observer = observer;
  }

  /** What was wrong with the message at which {@link take} stopped; empty where it was refused by the observer. */
  get complaint(): string {
    return this.#complaint;
  }

  /** How many bytes of `chunk`, from its beginning, the driver may see: fewer than all where something is wrong. */
  take(chunk: Buffer): number {
    const framed = this.#frames.take(chunk);
    let at = 0;
    while (at < framed) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, framed - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const end = this.#endOf(chunk, at, framed);
      if (end === undefined) break;
      if (end < 0) return at;
      at = end;
    }
    if (framed < chunk.length) this.#complaint = this.#frames.complaint;
    return framed;
  }

  /** Where the message at `at` ends; `undefined` when more must come, -1 when it is not to be passed on. */
  #endOf(chunk: Buffer, at: number, framed: number): number | undefined {
    if (this.#pendingBytes > 0) return this.#continue(chunk, at, framed);
    if (framed - at < HEAD_BYTES) return this.#keep(chunk, at, framed);
    const length = 1 + chunk.readUInt32BE(at + 1);
    if (!READ.has(chunk[at] ?? 0)) {
      this.#skip = length;
      return at;
    }
    if (at + length > framed) return this.#keep(chunk, at, framed);
    return this.#read(chunk.subarray(at, at + length)) ? at + length : -1;
  }

  #keep(chunk: Buffer, at: number, framed: number): undefined {
    this.#pending.push(chunk.subarray(at, framed));
    this.#pendingBytes += framed - at;
  }

  #continue(chunk: Buffer, at: number, framed: number): number | undefined {
    const head = this.#pendingHead(chunk, at, framed);
    if (head === undefined) return this.#keep(chunk, at, framed);
    const length = 1 + head.readUInt32BE(1);
    const had = this.#pendingBytes;
    if (!READ.has(head[0] ?? 0)) {
      this.#forget();
      this.#skip = length - had;
      return at;
    }
    if (framed - at < length - had) return this.#keep(chunk, at, framed);
    const end = at + length - had;
    const message = Buffer.concat([...this.#pending, chunk.subarray(at, end)]);
    this.#forget();
    return this.#read(message) ? end : -1;
  }

  #pendingHead(chunk: Buffer, at: number, framed: number): Buffer | undefined {
    if (this.#pendingBytes + framed - at < HEAD_BYTES) return undefined;
    const [first] = this.#pending;
    if (first !== undefined && first.length >= HEAD_BYTES) return first;
    return Buffer.concat([...this.#pending, chunk.subarray(at, Math.min(framed, at + HEAD_BYTES))]);
  }

  #forget(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** Reads one whole message; `false` where it must not be passed on. */
  #read(message: Buffer): boolean {
    const letter = String.fromCharCode(message[0] ?? 0);
    const body = message.subarray(HEAD_BYTES);
    const good = this.#understand(letter, body);
    if (good === undefined) this.#complaint = `a message of type ${letter} is malformed`;
    return good === true;
  }

  /** `undefined` for a body that is not what its type says, `false` for what the observer refuses. */
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
        this.#observer.complete(textAt(body, 0) ?? '');
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
    const texts = twoTexts(body, 0);
    if (texts === undefined) return undefined;
    this.#observer.parameter(...texts);
    return true;
  }

  #notification(body: Buffer): boolean | undefined {
    const texts = body.length < 4 ? undefined : twoTexts(body, 4);
    if (texts === undefined) return undefined;
    this.#observer.notification(...texts, body.readUInt32BE(0));
    return true;
  }
}

function twoTexts(body: Buffer, start: number): [string, string] | undefined {
  const middle = body.indexOf(0, start);
  const first = textAt(body, start);
  const second = middle === -1 ? undefined : textAt(body, middle + 1);
  return first === undefined || second === undefined ? undefined : [first, second];
}

/** The text from `start` up to its NUL; `undefined` without one. */
function textAt(body: Buffer, start: number): string | undefined {
  const end = body.indexOf(0, start);
  return end === -1 ? undefined : body.toString('utf8', start, end);
}

/** Whether a RowDescription has as many columns as it says, each with its name's end. */
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

/** Fields of a letter and a text each, up to a NUL in a letter's place; that they are whole has been looked at before. */
function reportOf(body: Buffer): Report {
  const all = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const value = textAt(body, at + 1);
    if (value === undefined) break;
    all.set(String.fromCharCode(body[at] ?? 0), value);
    at = body.indexOf(0, at + 1) + 1;
  }
  return {
    severity: all.get('V') ?? all.get('S') ?? 'ERROR',
    sqlState: all.get('C') ?? '00000',
    message: all.get('M') ?? '',
    routine: all.get('R'),
    all,
  };
}
