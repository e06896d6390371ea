import {
  ERROR_RESPONSE,
  HEAD_BYTES,
  impossibleLength,
  isKnownType,
  isPossibleLength,
  NOTICE_RESPONSE,
  typeName,
} from './messages.ts';

/** Letters of the severity: in the server's language, and in English (PostgreSQL 9.6 and newer). */
const LOCAL_SEVERITY = 0x53;
const SEVERITY = 0x56;

/**
 * Follows the heads of messages through a stream, however it is cut, and keeps nothing of it: for a parser
 * that is not ours and that must not see a message which would make it throw, wait for gigabytes, or never
 * return.
 */
export class FrameCheck {
  /** What is wrong with the message at which {@link take} stopped. */
  complaint = '';
  /** Of the head: how much of it came, and what it says as far as it came. */
  #headBytes = 0;
  #type = 0;
  #length = 0;
  #bodyLeft = 0;
  /** The parts of an error or a notice, which is checked as a whole. */
  #report: Buffer[] | undefined;
  readonly #exchanges: boolean;

  /**
   * `exchanges`: whether the severities of a report change places, for a driver that reads only the first.
   */
  constructor(exchanges: boolean) {
    this.#exchanges = exchanges;
  }

  /** Bytes that are certainly missing to the end of a message that has begun; 0 between messages. */
  get missing(): number {
    if (this.#headBytes === 0) return 0;
    return this.#headBytes < HEAD_BYTES ? HEAD_BYTES - this.#headBytes : this.#bodyLeft;
  }

  /** How many bytes of `chunk`, from its beginning, may be parsed. */
  take(chunk: Buffer): number {
    let at = this.#headBytes === 0 ? takeWhole(chunk) : 0;
    while (at < chunk.length) {
      if (this.#headBytes < HEAD_BYTES) {
        const end = Math.min(chunk.length, at + HEAD_BYTES - this.#headBytes);
        // The last byte of a bad head is held back: the parser would act on a whole one.
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
    if (!isKnownType(type)) this.complaint = `no message has the type ${typeName(type)}`;
    else if (!isPossibleLength(type, length)) this.complaint = impossibleLength(type, length);
    else if (isReport(type) && length === 4) this.complaint = 'an error or a notice is empty';
    else {
      this.#bodyLeft = length - 4;
      this.#report = isReport(type) ? [] : undefined;
      return true;
    }
    return false;
  }

  #finish(): void {
    this.#headBytes = 0;
    this.#report = undefined;
  }

  /** A report consists of fields, a letter and a string each, up to a NUL in the place of a letter. */
  #isReportWhole(): boolean {
    const parts = this.#report;
    if (parts === undefined) return true;
    const [only] = parts;
    const body = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    let local: number | undefined;
    let english: number | undefined;
    for (let at = 0; at < body.length && at >= 0; ) {
      const letter = body[at];
      if (letter === 0) {
        if (this.#exchanges && local !== undefined && english !== undefined) exchange(parts, local, english);
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

/** The path of nearly every message: it is complete, its head is good, and its body need not be checked. */
function takeWhole(chunk: Buffer): number {
  let at = 0;
  while (at + HEAD_BYTES <= chunk.length) {
    const type = chunk[at] ?? 0;
    const length = chunk.readUInt32BE(at + 1);
    if (isReport(type) || !isKnownType(type) || !isPossibleLength(type, length)) break;
    if (at + 1 + length > chunk.length) break;
    at += 1 + length;
  }
  return at;
}

function isReport(type: number): boolean {
  return type === ERROR_RESPONSE || type === NOTICE_RESPONSE;
}

/**
 * Exchanges the letters of two fields in the very bytes that the parser of the driver gets or has got. `pg`
 * returns the severity in the language of `lc_messages` and drops the English one, by which errors are
 * distinguished. In a report of more than two pieces the first may keep its letter: the parser has copied it
 * by then.
 */
function exchange(parts: readonly Buffer[], local: number, english: number): void {
  let begin = 0;
  for (const part of parts) {
    if (local >= begin && local < begin + part.length) part[local - begin] = SEVERITY;
    if (english >= begin && english < begin + part.length) part[english - begin] = LOCAL_SEVERITY;
    begin += part.length;
  }
}
