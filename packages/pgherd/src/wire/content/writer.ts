import { argumentError } from '../../model/errors.ts';
import type { WireValue } from './values.ts';

/** Memory is taken in pieces of this size, bytes. */
const SLAB_BYTES = 65_536;
/** Pieces that lie ready for the next connection that writes; each turn of the event loop needs one for each that does. */
const MAX_FREE = 16;
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
const COPY_DATA = 0x64;
const COPY_FAIL = 0x66;
const EXECUTE = 0x45;
const QUERY = 0x51;
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);
const FLUSH = Buffer.from([0x48, 0, 0, 0, 4]);
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);
/** Execute of the unnamed portal without a row limit, then Sync. */
const EXECUTE_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);

const NO_SLAB = Buffer.alloc(0);

/**
 * Refuses more values than the protocol can count: the number would wrap around.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function checkValueCount(count: number): void {
  if (count <= MAX_VALUES) return;
  throw argumentError(
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
  readonly #free: FreeSlabs;
  #slab: Buffer = NO_SLAB;
  /** Where what was not taken yet begins and ends. */
  #start = 0;
  #end = 0;

  constructor(free: FreeSlabs) {
    this.#free = free;
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

  /** All that was taken has left the process: its memory is for the next writer. Does nothing while there is something to take. */
  giveBack(): void {
    if (this.#start !== this.#end) return;
    const slab = this.#slab;
    this.#slab = NO_SLAB;
    this.#start = 0;
    this.#end = 0;
    this.#free.giveBack(slab);
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

  describePortal(name = ''): void {
    this.#named(DESCRIBE, PORTAL, name);
  }

  closePortal(name: string): void {
    this.#named(CLOSE, PORTAL, name);
  }

  closeStatement(name: string): void {
    this.#named(CLOSE, STATEMENT, name);
  }

  /** Binds a portal, by default the unnamed one; every result comes as text. The values were counted before. */
  bind(name: string, values: readonly WireValue[], portal = ''): void {
    const head = this.#begin(BIND);
    this.#cstring(portal);
    this.#cstring(name);
    this.#formats(values);
    this.#int16(values.length);
    for (const value of values) this.#value(value);
    this.#int16(0);
    this.#finish(head);
  }

  executeAndSync(): void {
    this.#whole(EXECUTE_SYNC);
  }

  /** Executes a portal; no more than `limit` rows of it, unless that is 0. */
  execute(portal: string, limit = 0): void {
    const head = this.#begin(EXECUTE);
    this.#cstring(portal);
    this.#int32(limit);
    this.#finish(head);
  }

  sync(): void {
    this.#whole(SYNC);
  }

  flush(): void {
    this.#whole(FLUSH);
  }

  terminate(): void {
    this.#whole(TERMINATE);
  }

  /** Text by the simple protocol. */
  query(text: string): void {
    const head = this.#begin(QUERY);
    this.#cstring(text);
    this.#finish(head);
  }

  copyData(data: Uint8Array): void {
    const head = this.#begin(COPY_DATA);
    this.#bytes(data);
    this.#finish(head);
  }

  copyDone(): void {
    this.#whole(COPY_DONE);
  }

  copyFail(reason: string): void {
    const head = this.#begin(COPY_FAIL);
    this.#cstring(reason);
    this.#finish(head);
  }

  #whole(message: Buffer): void {
    this.#room(message.length);
    this.#slab.set(message, this.#end);
    this.#end += message.length;
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
    const slab = this.#free.take(length + bytes);
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = length;
  }
}

/** Refuses a string that would end early as a C string of the protocol. */
export function checkText(text: string): void {
  if (text.includes('\0'))
    throw argumentError('The statement contains a NUL character, which PostgreSQL cannot take.');
}

/** Memory that lies ready for the writers of one driver. */
export class FreeSlabs {
  readonly #free: Buffer[] = [];

  /** Room for `bytes`. The one before is never given back here: a socket may hold a part of it. */
  take(bytes: number): Buffer {
    if (bytes <= SLAB_BYTES) return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    return Buffer.allocUnsafeSlow(2 * bytes);
  }

  giveBack(slab: Buffer): void {
    if (slab.length === SLAB_BYTES && this.#free.length < MAX_FREE) this.#free.push(slab);
  }
}
