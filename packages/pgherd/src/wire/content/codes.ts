/** First bytes of the server's messages, by their names in the manual's chapter "Message Formats". */
export const AUTHENTICATION = 0x52;
export const BACKEND_KEY_DATA = 0x4b;
export const BIND_COMPLETE = 0x32;
export const CLOSE_COMPLETE = 0x33;
export const COMMAND_COMPLETE = 0x43;
export const COPY_BOTH_RESPONSE = 0x57;
export const COPY_DATA = 0x64;
export const COPY_DONE = 0x63;
export const COPY_IN_RESPONSE = 0x47;
export const COPY_OUT_RESPONSE = 0x48;
export const DATA_ROW = 0x44;
export const EMPTY_QUERY_RESPONSE = 0x49;
export const ERROR_RESPONSE = 0x45;
export const FUNCTION_CALL_RESPONSE = 0x56;
export const NEGOTIATE_PROTOCOL_VERSION = 0x76;
export const NO_DATA = 0x6e;
export const NOTICE_RESPONSE = 0x4e;
export const NOTIFICATION_RESPONSE = 0x41;
export const PARAMETER_DESCRIPTION = 0x74;
export const PARAMETER_STATUS = 0x53;
export const PARSE_COMPLETE = 0x31;
export const PORTAL_SUSPENDED = 0x73;
export const READY_FOR_QUERY = 0x5a;
export const ROW_DESCRIPTION = 0x54;

/** Transaction status in ReadyForQuery. */
export const IDLE = 0x49;
export const IN_TRANSACTION = 0x54;
export const FAILED_TRANSACTION = 0x45;

/** How a message is shown in an error: its letter, and its byte if that is no letter. */
export function nameOfMessage(type: number): string {
  return type > 0x20 && type < 0x7f ? JSON.stringify(String.fromCharCode(type)) : `byte ${type}`;
}
