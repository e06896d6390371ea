import { TestClusterError } from '../errors.ts';

/** What a client says before the protocol proper begins; these packets have a length, but no type. */
export type Opening =
  | { readonly kind: 'ssl-request' }
  | { readonly kind: 'gss-request' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secretKey: number }
  | {
      readonly kind: 'startup';
      readonly major: number;
      readonly minor: number;
      readonly parameters: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'nonsense'; readonly reason: string };

/** A message of the client, not taken apart yet. */
export interface FrontendMessage {
  /** The type, one letter. */
  readonly type: string;
  readonly body: Buffer;
}

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
/** Longest opening packet, as in PostgreSQL. */
const MAX_OPENING_BYTES = 10_000;
/** Longest message that is believed, bytes. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Cuts what a client sends into packets and messages, however the network cut it. */
export class FrontendStream {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Takes in what was read. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next opening packet, when all of it is here. */
  opening(): Opening | undefined {
    const length = this.#peek(4)?.readInt32BE(0);
    if (length === undefined) return undefined;
    if (length < 8 || length > MAX_OPENING_BYTES)
      return { kind: 'nonsense', reason: `packet of ${length} bytes` };
    const packet = this.#take(length);
    return packet === undefined ? undefined : parseOpening(packet);
  }

  /**
   * The next message, when all of it is here.
   * @throws {@link TestClusterError} when its length makes no sense.
   */
  message(): FrontendMessage | undefined {
    const head = this.#peek(5);
    if (head === undefined) return undefined;
    const length = head.readInt32BE(1);
    if (length < 4 || length > MAX_MESSAGE_BYTES) {
      throw new TestClusterError(
        `A client sent a message of ${length} bytes; 4 to ${MAX_MESSAGE_BYTES} make sense.`,
      );
    }
    const whole = this.#take(length + 1);
    return whole === undefined
      ? undefined
      : { type: whole.toString('latin1', 0, 1), body: whole.subarray(5) };
  }

  #peek(bytes: number): Buffer | undefined {
    return this.#length < bytes ? undefined : this.#joined();
  }

  #take(bytes: number): Buffer | undefined {
    if (this.#length < bytes) return undefined;
    const all = this.#joined();
    this.#chunks = [all.subarray(bytes)];
    this.#length -= bytes;
    return all.subarray(0, bytes);
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

function parseOpening(packet: Buffer): Opening {
  const code = packet.readUInt32BE(4);
  if (code === SSL_REQUEST) return { kind: 'ssl-request' };
  if (code === GSS_REQUEST) return { kind: 'gss-request' };
  if (code === CANCEL_REQUEST && packet.length >= 16) {
    return { kind: 'cancel', pid: packet.readUInt32BE(8), secretKey: packet.readUInt32BE(12) };
  }
  const major = code >>> 16;
  if (major !== 3) return { kind: 'nonsense', reason: `protocol ${major}.${code & 0xffff}` };
  const reader = new BodyReader(packet.subarray(8));
  const parameters: Record<string, string> = {};
  for (let name = reader.text(); name !== ''; name = reader.text()) parameters[name] = reader.text();
  return { kind: 'startup', major, minor: code & 0xffff, parameters };
}

/** Reads the body of a message from its beginning. What is beyond the end reads as empty. */
export class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  /** Text up to the next NUL. */
  text(): string {
    const end = this.#body.indexOf(0, this.#at);
    const stop = end === -1 ? this.#body.length : end;
    const value = this.#body.toString('utf8', this.#at, stop);
    this.#at = stop + 1;
    return value;
  }

  /** One letter. */
  letter(): string {
    return this.bytes(1).toString('latin1');
  }

  /** Two bytes; 0 beyond the end. */
  int16(): number {
    const bytes = this.bytes(2);
    return bytes.length < 2 ? 0 : bytes.readInt16BE(0);
  }

  /** Four bytes, signed; 0 beyond the end. */
  int32(): number {
    const bytes = this.bytes(4);
    return bytes.length < 4 ? 0 : bytes.readInt32BE(0);
  }

  /** So many bytes, or as many as there are. */
  bytes(count: number): Buffer {
    const value = this.#body.subarray(this.#at, this.#at + count);
    this.#at += count;
    return value;
  }

  /** All that is left. */
  rest(): Buffer {
    return this.#body.subarray(this.#at);
  }
}

/** Parse: a statement gets a name. */
export interface ParseMessage {
  readonly name: string;
  readonly text: string;
  /** OIDs that the client gave, 0 where it leaves the choice to the server. */
  readonly oids: readonly number[];
}

/** Takes a Parse message apart. */
export function readParse(body: Buffer): ParseMessage {
  const reader = new BodyReader(body);
  const name = reader.text();
  const text = reader.text();
  const oids = Array.from({ length: reader.int16() }, () => reader.int32());
  return { name, text, oids };
}

/** Bind: a statement gets values and becomes a portal. */
export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** Text as text, what came in binary format as bytes, NULL as `null`. */
  readonly values: readonly (string | Buffer | null)[];
  /** Whether some column is wanted in binary format. */
  readonly wantsBinary: boolean;
}

/** Takes a Bind message apart. */
export function readBind(body: Buffer): BindMessage {
  const reader = new BodyReader(body);
  const portal = reader.text();
  const statement = reader.text();
  const formats = Array.from({ length: reader.int16() }, () => reader.int16());
  const values = Array.from({ length: reader.int16() }, (_, index) => {
    const length = reader.int32();
    if (length < 0) return null;
    const bytes = reader.bytes(length);
    const format = formats.length === 1 ? formats[0] : formats[index];
    return format === 1 ? Buffer.from(bytes) : bytes.toString('utf8');
  });
  const wanted = Array.from({ length: reader.int16() }, () => reader.int16());
  return { portal, statement, values, wantsBinary: wanted.includes(1) };
}
