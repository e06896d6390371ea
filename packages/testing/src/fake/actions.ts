import { message, report } from './encode.ts';

/**
 * Moments of a connection at which a fault can strike, in their order:
 * `accept` the socket is open; `ssl-request`, `startup`, `password` that was received and is not answered yet;
 * `authenticated` AuthenticationOk was sent; `started` all but the first ReadyForQuery was sent; `query`, `parse`, `bind`,
 * `describe`, `execute`, `sync` that was received and is not answered yet; `row` before a row is sent; `complete` before
 * CommandComplete; `ready` before any later ReadyForQuery.
 */
export const FAKE_PHASES = Object.freeze([
  'accept',
  'ssl-request',
  'startup',
  'password',
  'authenticated',
  'started',
  'query',
  'parse',
  'bind',
  'describe',
  'execute',
  'row',
  'complete',
  'sync',
  'ready',
] as const);

/** One of {@link FAKE_PHASES}. */
export type FakePhase = (typeof FAKE_PHASES)[number];

/** What a fake does in place of, or besides, what a server would do. */
export type FakeAction =
  /** An ErrorResponse. Default severity `ERROR`; after `FATAL` and `PANIC` the connection is closed. */
  | {
      readonly kind: 'error';
      readonly sqlState: string;
      readonly severity?: 'ERROR' | 'FATAL' | 'PANIC' | undefined;
      /** Default: names the SQLSTATE. */
      readonly message?: string | undefined;
      readonly routine?: string | undefined;
    }
  /** A NoticeResponse, by default a WARNING; then `next`, or what a server would do. */
  | {
      readonly kind: 'notice';
      readonly sqlState: string;
      readonly severity?: string | undefined;
      readonly message?: string | undefined;
      readonly routine?: string | undefined;
      readonly next?: FakeAction | undefined;
    }
  /** The connection is closed in order (FIN), without a word. */
  | { readonly kind: 'close' }
  /** The connection is reset (RST). */
  | { readonly kind: 'reset' }
  /** Bytes that are no message; then `next`. The default begins with a letter that no message has. */
  | {
      readonly kind: 'garbage';
      readonly bytes?: Buffer | string | undefined;
      readonly next?: FakeAction | undefined;
    }
  /** The first half of a DataRow, then FIN. */
  | { readonly kind: 'truncated' }
  /** The head of a message that claims to be so long, bytes. Default 2,147,483,647. */
  | { readonly kind: 'length'; readonly bytes?: number | undefined }
  /** A well-formed message of a type that the protocol does not have. Default type `~`. */
  | { readonly kind: 'unknown-message'; readonly type?: string | undefined }
  /** The next ReadyForQuery has this status, one letter. */
  | { readonly kind: 'ready-status'; readonly status: string }
  /** Reads on, but sends nothing more; what is to be sent is kept for `resume()`. */
  | { readonly kind: 'silence' }
  /** Stops reading, as a frozen process does; the kernel's buffers fill. */
  | { readonly kind: 'deaf' }
  /** Sends the first so many bytes of what is to be sent next, then as `silence`. */
  | { readonly kind: 'partial'; readonly bytes: number };

/** The bytes of an action; none for actions that send nothing by themselves. */
export function bytesOf(action: FakeAction): Buffer {
  switch (action.kind) {
    case 'error': {
      const { severity = 'ERROR', sqlState, routine } = action;
      const said = action.message ?? `scripted ${severity} ${sqlState}`;
      return report('E', { severity, sqlState, message: said, routine });
    }
    case 'notice': {
      const { severity = 'WARNING', sqlState, routine } = action;
      return report('N', { severity, sqlState, message: action.message ?? `scripted ${sqlState}`, routine });
    }
    case 'garbage':
      return Buffer.from(action.bytes ?? GARBAGE);
    case 'truncated':
      return message('D', Buffer.alloc(40, 1)).subarray(0, 20);
    case 'length': {
      const head = Buffer.from('D\0\0\0\0', 'latin1');
      head.writeUInt32BE((action.bytes ?? 0x7fff_ffff) >>> 0, 1);
      return head;
    }
    case 'unknown-message':
      return message(action.type ?? '~', Buffer.from('what is this?\0'));
    case 'close':
    case 'reset':
    case 'ready-status':
    case 'silence':
    case 'deaf':
    case 'partial':
      return Buffer.alloc(0);
    default:
      return action satisfies never;
  }
}

/** An HTTP answer: what comes back when the port belongs to something else. */
const GARBAGE =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request';
