import { PgHerdError } from '../../model/errors.ts';
import type { Slabs } from './slabs.ts';

/** Most values of a statement: the protocol counts them in two bytes. */
const MAX_VALUES = 65_535;
/** Most bytes that UTF-8 needs for one unit of a JavaScript string. */
const MAX_BYTES_PER_UNIT = 3;
/** Up to this many characters a loop is faster than a call into native code. */
const SHORT_TEXT = 32;
/** The size of a longer string is computed before room is made for it, characters. */
const LONG_TEXT = 8_192;

const BIND = 0x42;
const CLOSE = 0x43;
const DESCRIBE = 0x44;
const PARSE = 0x50;
const STATEMENT = 0x53;
const PORTAL = 0x50;
/** Execute of the unnamed portal without a row limit, then Sync. */
const EXECUTE_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);

/** A parameter as it is sent: in text form, as bytes, or null. */
export type WireValue = string | Uint8Array | null;

const NO_SLAB = Buffer.alloc(0);

/**
 * Refuses more values than the protocol can count: the number would wrap around.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function checkValueCount(count: number): void {
  if (count <= MAX_VALUES) return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    `The statement has ${count} values, and PostgreSQL accepts ${MAX_VALUES} at most: pass an array and unnest it, or use COPY (copyFrom).`,
  );
}

/**
 * Collects messages of the extended protocol until they are taken as one piece for the socket. Bytes that
 * were taken are not overwritten until {@link giveBack}, since the socket may still hold them.
 *
 * Memory is held from the first message to `giveBack`: idle connections hold none.
 */
export class Writer {
  readonly #slabs: Slabs;
  #slab: Buffer = NO_SLAB;
  /** Begin and end of the bytes that were not taken yet. */
  #start = 0;
  #end = 0;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
  }

  /** Bytes collected and not taken yet. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Everything collected since the last call. */
  take(): Buffer {
    const taken = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  /** Whether memory is held. */
  get holds(): boolean {
    return this.#slab !== NO_SLAB;
  }

  /**
   * All bytes that were taken have left the process: frees the memory. Does nothing while some are not taken.
   */
  giveBack(): void {
    if (this.#start !== this.#end) return;
    const slab = this.#slab;
    this.#slab = NO_SLAB;
    this.#start = 0;
    this.#end = 0;
    this.#slabs.giveBack(slab);
  }

  parse(name: string, text: string): void {
    const head = this.#begin(PARSE);
    this.#cstring(name);
    this.#cstring(text);
    this.#int16(0);
    this.#finish(head);
  }

  describeStatement(name: string): void {
    this.#named(DESCRIBE, STATEMENT, name);
  }

  describePortal(): void {
    this.#named(DESCRIBE, PORTAL, '');
  }

  closeStatement(name: string): void {
    this.#named(CLOSE, STATEMENT, name);
  }

  /**
   * Binds the unnamed portal; all results are in text form.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for too many values; nothing is written then.
   */
  bind(name: string, values: readonly WireValue[]): void {
    checkValueCount(values.length);
    const head = this.#begin(BIND);
    this.#room(1);
    this.#slab[this.#end++] = 0;
    this.#cstring(name);
    this.#formats(values);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    this.#int16(0);
    this.#finish(head);
  }

  executeAndSync(): void {
    this.#room(EXECUTE_SYNC.length);
    this.#slab.set(EXECUTE_SYNC, this.#end);
    this.#end += EXECUTE_SYNC.length;
  }

  /** Text is the default: without bytes among the values, no format is written. */
  #formats(values: readonly WireValue[]): void {
    let binary = false;
    for (const value of values) if (typeof value === 'object' && value !== null) binary = true;
    if (!binary) {
      this.#int16(0);
      return;
    }
    this.#int16(values.length);
    for (const value of values) this.#int16(typeof value === 'string' || value === null ? 0 : 1);
  }

  #value(value: WireValue): void {
    if (value === null) {
      this.#int32(-1);
      return;
    }
    this.#int32(0);
    // Relative to the start: making room may move everything.
    const begun = this.length;
    if (typeof value === 'string') this.#text(value);
    else this.#bytes(value);
    this.#setInt32(this.#start + begun - 4, this.length - begun);
  }

  #named(type: number, kind: number, name: string): void {
    const head = this.#begin(type);
    this.#room(1);
    this.#slab[this.#end++] = kind;
    this.#cstring(name);
    this.#finish(head);
  }

  /**
   * Returns the begin of the message relative to the bytes not taken yet: the slab may be replaced meanwhile.
   */
  #begin(type: number): number {
    this.#room(5);
    const head = this.#end - this.#start;
    this.#slab[this.#end] = type;
    this.#end += 5;
    return head;
  }

  #finish(head: number): void {
    const at = this.#start + head + 1;
    this.#setInt32(at, this.#end - at);
  }

  #cstring(text: string): void {
    this.#text(text);
    this.#room(1);
    this.#slab[this.#end++] = 0;
  }

  #text(text: string): void {
    const { length } = text;
    this.#room(length > LONG_TEXT ? Buffer.byteLength(text) : length * MAX_BYTES_PER_UNIT);
    const slab = this.#slab;
    let at = this.#end;
    if (length <= SHORT_TEXT) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit > 127) break;
        slab[at++] = unit;
      }
      if (index === length) {
        this.#end = at;
        return;
      }
    }
    this.#end += slab.write(text, this.#end, 'utf8');
  }

  #bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #int16(value: number): void {
    this.#room(2);
    this.#slab[this.#end++] = value >>> 8;
    this.#slab[this.#end++] = value;
  }

  #int32(value: number): void {
    this.#room(4);
    this.#end += 4;
    this.#setInt32(this.#end - 4, value);
  }

  #setInt32(at: number, value: number): void {
    const slab = this.#slab;
    slab[at] = value >>> 24;
    slab[at + 1] = value >>> 16;
    slab[at + 2] = value >>> 8;
    slab[at + 3] = value;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    const { length } = this;
    // The one before is not given back: a socket may still hold a part of it.
    const slab = this.#slabs.take(length + bytes);
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = length;
  }
}
