import { PgHerdError } from '../model/errors.ts';
import type { Slabs } from './slabs.ts';

/** Most values of a statement: their number has two bytes in the protocol. */
const MAX_VALUES = 65_535;
/** Most bytes that UTF-8 needs for one unit of a JavaScript string. */
const MAX_BYTES_PER_UNIT = 3;
/** Up to this many characters a loop is quicker than a call into native code. */
const SHORT_TEXT = 32;
/** A longer text is measured before room is made for it, characters. */
const LONG_TEXT = 8_192;

const BIND = 0x42;
const CLOSE = 0x43;
const DESCRIBE = 0x44;
const PARSE = 0x50;
const STATEMENT = 0x53;
const PORTAL = 0x50;
/** Execute of the unnamed portal without a row limit, then Sync. */
const EXECUTE_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);

/** A parameter as it goes over the wire: text, bytes, or null. */
export type WireValue = string | Uint8Array | null;

const NO_SLAB = Buffer.alloc(0);

/**
 * Says no to more values than a statement can have, which would be sent as a number of others.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function checkValueCount(count: number): void {
  if (count <= MAX_VALUES) return;
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    `The statement has ${count} values, and PostgreSQL takes ${MAX_VALUES} at most: pass an array and unnest it, or use COPY (copyFrom).`,
  );
}

/**
 * Puts messages of the extended protocol together, one behind the other, until they are taken as one piece for the
 * socket. What was taken is not touched, since a socket may hold it for a while, until {@link giveBack} says that none does.
 *
 * Memory is held from the first message to that: connections that are idle have none.
 */
export class Writer {
  readonly #slabs: Slabs;
  #slab: Buffer = NO_SLAB;
  /** Where what was not taken yet begins and ends. */
  #start = 0;
  #end = 0;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
  }

  /** Bytes put together and not taken yet. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Everything put together since the last time. */
  take(): Buffer {
    const taken = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  /** Whether memory is held. */
  get holds(): boolean {
    return this.#slab !== NO_SLAB;
  }

  /** All that was taken has left the process: its memory is for whoever writes next. Does nothing while there is something to take. */
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
   * Binds the unnamed portal; every result comes as text.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for too many values; nothing was written then.
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

  /** Without bytes among them all parameters are text, which goes without saying. */
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
    // Counted from the start as well: making room may move all of it.
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

  /** Where the message begins, counted from what was not taken yet: the slab may be replaced on the way. */
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
