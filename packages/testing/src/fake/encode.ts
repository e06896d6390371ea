/** A column of a result: its name and the OID of its type. */
export interface FakeColumn {
  readonly name: string;
  /** OID of the type. Default: guessed from the first value that is not null. */
  readonly oid?: number | undefined;
}

/** Fields of an ErrorResponse or NoticeResponse. */
export interface FakeReport {
  readonly severity: string;
  readonly sqlState: string;
  readonly message: string;
  /** Function of the server's source that said it. */
  readonly routine?: string | undefined;
}

/** Transaction status in ReadyForQuery: idle, in a transaction, in a failed one. */
export type FakeStatus = 'I' | 'T' | 'E';

/** A message of the server: type, length, body. */
export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 0, 1, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Text with its closing NUL. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'utf8');
}

/** Two bytes. */
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

/** Four bytes, signed or not. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** `AuthenticationOk` (0), `CleartextPassword` (3), `MD5Password` (5), `SASL` (10), `SASLContinue` (11), `SASLFinal` (12). */
export function authentication(code: number, rest: Buffer = Buffer.alloc(0)): Buffer {
  return message('R', int32(code), rest);
}

/** One parameter and its value as of now. */
export function parameterStatus(name: string, value: string): Buffer {
  return message('S', text(name), text(value));
}

/** What a cancel request must show. */
export function backendKey(pid: number, secretKey: number): Buffer {
  return message('K', int32(pid), int32(secretKey));
}

/** The server waits for the next statement; any one-byte status, so that a wrong one can be sent. */
export function readyForQuery(status: string): Buffer {
  return message('Z', Buffer.from(status, 'latin1'));
}

/** The end of a statement that worked. */
export function commandComplete(tag: string): Buffer {
  return message('C', text(tag));
}

/** An error (`E`) or a notice (`N`). */
export function report(type: 'E' | 'N', { severity, sqlState, message: said, routine }: FakeReport): Buffer {
  const fields = [
    text(`S${severity}`),
    text(`V${severity}`),
    text(`C${sqlState}`),
    text(`M${said}`),
    ...(routine === undefined ? [] : [text(`R${routine}`)]),
  ];
  return message(type, ...fields, Buffer.of(0));
}

/** Names and types of a result's columns, all in text format. */
export function rowDescription(columns: readonly FakeColumn[]): Buffer {
  const fields = columns.flatMap(({ name, oid }) => [
    text(name),
    int32(0),
    int16(0),
    int32(oid ?? OID_TEXT),
    int16(-1),
    int32(-1),
    int16(0),
  ]);
  return message('T', int16(columns.length), ...fields);
}

/** One row, in text format. */
export function dataRow(values: readonly unknown[]): Buffer {
  const fields = values.flatMap((value) => {
    const shown = toText(value);
    if (shown === null) return [int32(-1)];
    const bytes = Buffer.from(shown, 'utf8');
    return [int32(bytes.length), bytes];
  });
  return message('D', int16(values.length), ...fields);
}

/** Types of a prepared statement's parameters. */
export function parameterDescription(oids: readonly number[]): Buffer {
  return message('t', int16(oids.length), ...oids.map(int32));
}

/** Messages that have no body. */
export const PLAIN = Object.freeze({
  parseComplete: message('1'),
  bindComplete: message('2'),
  closeComplete: message('3'),
  noData: message('n'),
  emptyQuery: message('I'),
  portalSuspended: message('s'),
});

/** OID of `text`. */
export const OID_TEXT = 25;

/** OID of the type that PostgreSQL would have for a value of JavaScript. */
export function oidOf(value: unknown): number {
  switch (typeof value) {
    case 'boolean':
      return 16;
    case 'bigint':
      return 20;
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 23 : 701;
    case 'object':
      return objectOid(value);
    default:
      return OID_TEXT;
  }
}

function objectOid(value: object | null): number {
  if (value === null) return OID_TEXT;
  if (Buffer.isBuffer(value)) return 17;
  return value instanceof Date ? 1184 : 114;
}

/** A value as PostgreSQL writes it in text format; `null` for NULL. */
export function toText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
