/** Bytes before the body of a message: its type, and its length, which does not count the type. */
export const HEAD_BYTES = 5;
/** PostgreSQL cannot allocate more bytes at once, so that no message is longer. */
const MAX_BYTES = 0x3fff_ffff;
/** Most bytes of a message whose type is not in {@link LONG}; libpq's number. */
const SHORT_BYTES = 30_000;

/** Types of the messages that a server sends. */
const KNOWN = typesOf('123ACDEGHIKNRSTVWZcdnstv');
/**
 * Types whose messages may be longer than {@link SHORT_BYTES}: libpq's list, and the description of many
 * parameters.
 */
const LONG = typesOf('ADENTVdt');

export const BIND_COMPLETE = 0x32;
export const CLOSE_COMPLETE = 0x33;
export const COMMAND_COMPLETE = 0x43;
export const DATA_ROW = 0x44;
export const EMPTY_QUERY_RESPONSE = 0x49;
export const ERROR_RESPONSE = 0x45;
export const NO_DATA = 0x6e;
export const NOTICE_RESPONSE = 0x4e;
export const NOTIFICATION_RESPONSE = 0x41;
export const PARAMETER_DESCRIPTION = 0x74;
export const PARAMETER_STATUS = 0x53;
export const PARSE_COMPLETE = 0x31;
export const READY_FOR_QUERY = 0x5a;
export const ROW_DESCRIPTION = 0x54;

/** A signed integer of four bytes; cheaper than the method of `Buffer`, which calls into more checks. */
export function int32At(bytes: Buffer, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

/** Whether a server sends messages of this type. */
export function isKnownType(type: number): boolean {
  return KNOWN[type] === true;
}

/** Whether a message of this type can have this length, in bytes without its type. */
export function isPossibleLength(type: number, length: number): boolean {
  return length >= 4 && (length <= SHORT_BYTES || (length <= MAX_BYTES && LONG[type] === true));
}

/** What is wrong with a message for which {@link isPossibleLength} is `false`. */
export function impossibleLength(type: number, length: number): string {
  return `a message of type ${typeName(type)} claims to be ${length >>> 0} bytes long`;
}

/** The letter of a type, in quotes and escaped. */
export function typeName(type: number): string {
  return JSON.stringify(String.fromCharCode(type));
}

function typesOf(letters: string): readonly boolean[] {
  return Array.from({ length: 256 }, (_, code) => letters.includes(String.fromCharCode(code)));
}
