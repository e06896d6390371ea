import {
  ERROR_RESPONSE,
  NOTICE_RESPONSE,
  nameOfMessage,
  PARAMETER_STATUS,
  READY_FOR_QUERY,
} from '../wire/content/codes.ts';
import { isWellFormed } from '../wire/content/forms.ts';
import { BodyReader, protocolError } from '../wire/content/reader.ts';
import { readMessage, readServerError, type ServerError } from '../wire/content/server-error.ts';
import type { Conversation } from './conversation.ts';

/** What one message of the server says about the server itself. */
export type Observed =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'parameter'; readonly name: string; readonly value: string }
  /** A write was refused because the session may not write: perhaps the node is no primary any more. */
  | { readonly kind: 'write-refused' }
  /** The server goes down, or ends its sessions. */
  | { readonly kind: 'shutdown' }
  /** The server ends this session with this error. */
  | { readonly kind: 'ending'; readonly error: ServerError };

const NOTHING: Observed = Object.freeze({ kind: 'nothing' });
const WRITE_REFUSED: Observed = Object.freeze({ kind: 'write-refused' });
const SHUTDOWN: Observed = Object.freeze({ kind: 'shutdown' });
/** Class of SQLSTATE of an operator's intervention: shutdown, crash, not ready. */
const INTERVENTION = '57P';
const READ_ONLY = '25006';

/**
 * Looks at one message of the server on its way to the guest, takes it into the conversation, and returns what it says about the
 * server. Reads only the messages that can say something.
 * @throws PgHerdError `PGHERD_PROTOCOL_ERROR` if the message is impossible here, or not of the form of its type: it must not reach
 * the guest.
 */
export function observeMessage(
  conversation: Conversation,
  type: number,
  bytes: Buffer,
  start: number,
  end: number,
): Observed {
  if (!isWellFormed(type, bytes, start, end))
    throw protocolError(`the message ${nameOfMessage(type)} has no valid contents`);
  const observed = observe(type, bytes, start, end);
  const status = type === READY_FOR_QUERY ? (bytes[start] ?? 0) : 0;
  conversation.answered(type, status, observed.kind === 'ending');
  return observed;
}

function observe(type: number, bytes: Buffer, start: number, end: number): Observed {
  switch (type) {
    case PARAMETER_STATUS: {
      const reader = new BodyReader(bytes, start, end);
      return { kind: 'parameter', name: reader.cstring(), value: reader.cstring() };
    }
    case ERROR_RESPONSE: {
      const { error, fatal } = readServerError(bytes, start, end);
      if (fatal) return { kind: 'ending', error };
      return error.code === READ_ONLY ? WRITE_REFUSED : NOTHING;
    }
    case NOTICE_RESPONSE: {
      const { fields, severity } = readMessage(bytes, start, end);
      return severity !== 'NOTICE' && fields.code?.startsWith(INTERVENTION) === true ? SHUTDOWN : NOTHING;
    }
    default:
      return NOTHING;
  }
}
