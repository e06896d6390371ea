import { argumentError, PgHerdError } from '../model/errors.ts';
import {
  AUTHENTICATION,
  BACKEND_KEY_DATA,
  ERROR_RESPONSE,
  IDLE,
  PARAMETER_STATUS,
  READY_FOR_QUERY,
} from '../wire/content/codes.ts';
import { LETTERS, type ServerError } from '../wire/content/server-error.ts';

/** The first packet of a connection, as a guest sends it. */
export type FirstPacket =
  /** More bytes have to come. */
  | { readonly kind: 'incomplete' }
  /** SSLRequest or GSSENCRequest: the guest asks whether the connection may be encrypted. */
  | { readonly kind: 'encryption'; readonly length: number }
  | {
      readonly kind: 'cancel';
      readonly length: number;
      readonly processId: number;
      readonly secretKey: Buffer;
    }
  | { readonly kind: 'startup'; readonly length: number; readonly parameters: ReadonlyMap<string, string> };

const INCOMPLETE: FirstPacket = Object.freeze({ kind: 'incomplete' });
/** Numbers in the place of a protocol version. */
const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const PROTOCOL = 196_608;
/** PostgreSQL's own limit of the packet, bytes. */
const MAX_BYTES = 10_000;
const HEAD_BYTES = 8;

/** The answer to a guest that asks for encryption: between it and pgherd there is no network. */
export const NO_ENCRYPTION = Buffer.from('N');

/**
 * Reads the first packet in `bytes`; behind it others may stand. Pure.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is none, `PGHERD_UNSUPPORTED` for another version of the protocol.
 */
export function readFirstPacket(bytes: Buffer): FirstPacket {
  if (bytes.length < HEAD_BYTES) return INCOMPLETE;
  const length = bytes.readInt32BE(0);
  if (length < HEAD_BYTES || length > MAX_BYTES)
    throw argumentError(
      `The client began with a packet that claims ${length} bytes: it does not speak PostgreSQL's protocol.`,
    );
  if (bytes.length < length) return INCOMPLETE;
  const number = bytes.readInt32BE(4);
  switch (number) {
    case SSL_REQUEST:
    case GSSENC_REQUEST:
      return { kind: 'encryption', length };
    case CANCEL_REQUEST:
      if (length < HEAD_BYTES + 8) throw argumentError('The client sent a request to cancel without a key.');
      return {
        kind: 'cancel',
        length,
        processId: bytes.readInt32BE(8),
        secretKey: Buffer.from(bytes.subarray(12, length)),
      };
    case PROTOCOL:
      return { kind: 'startup', length, parameters: parametersOf(bytes.subarray(HEAD_BYTES, length)) };
    default:
      throw new PgHerdError(
        'PGHERD_UNSUPPORTED',
        `The client asks for version ${number >> 16}.${number & 0xffff} of the protocol; pgherd logs in with 3.0.`,
      );
  }
}

function parametersOf(body: Buffer): ReadonlyMap<string, string> {
  const texts = body.toString('utf8').split('\0');
  const parameters = new Map<string, string>();
  for (let at = 0; at + 1 < texts.length && texts[at] !== ''; at += 2) {
    parameters.set(texts[at] ?? '', texts[at + 1] ?? '');
  }
  return parameters;
}

/** Whose session it will be, and what a program may have in its environment for all of its clients. */
export interface Identity {
  readonly user: string;
  readonly database: string;
}

/**
 * The parameters that go on to the server. User and database are the cluster's. A client names some even if the program did not: the
 * user of the operating system or of the environment, and a database of the same name; those are `usual`. Another one was meant, and
 * would be ignored without a word.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function ownParameters(
  parameters: ReadonlyMap<string, string>,
  cluster: Identity,
  usual: readonly (string | undefined)[],
): ReadonlyMap<string, string> {
  const own = new Map(parameters);
  for (const name of ['user', 'database'] as const) {
    const asked = own.get(name);
    own.delete(name);
    const isFine = asked === undefined || asked === '' || asked === cluster[name] || usual.includes(asked);
    if (isFine || (name === 'database' && asked === parameters.get('user'))) continue;
    throw argumentError(
      `The client asks for the ${name} ${JSON.stringify(asked.slice(0, 64))}, and the cluster's is ` +
        `${JSON.stringify(cluster[name])}: pgherd logs in as its connection string says. Leave ${name} away, or make a cluster for it.`,
      { argument: name },
    );
  }
  return own;
}

/** What a login brought, as far as the guest has to know it. */
export interface Welcome {
  readonly parameters: ReadonlyMap<string, string>;
  readonly processId: number | undefined;
  readonly secretKey: Buffer | undefined;
}

/** AuthenticationOk, the parameters, the key, ReadyForQuery: what a server sends to a client that need not prove anything. */
export function welcome({ parameters, processId, secretKey }: Welcome): Buffer {
  const parts = [message(AUTHENTICATION, Buffer.alloc(4))];
  for (const [name, value] of parameters)
    parts.push(message(PARAMETER_STATUS, Buffer.from(`${name}\0${value}\0`)));
  if (processId !== undefined && secretKey !== undefined) {
    const id = Buffer.alloc(4);
    id.writeInt32BE(processId);
    parts.push(message(BACKEND_KEY_DATA, Buffer.concat([id, secretKey])));
  }
  parts.push(message(READY_FOR_QUERY, Buffer.from([IDLE])));
  return Buffer.concat(parts);
}

/** The ErrorResponse by which a server refused the session, made anew from what was read of it. */
export function refusal(error: ServerError): Buffer {
  let fields = `SFATAL\0VFATAL\0M${error.message}\0`;
  for (const [letter, name] of LETTERS) {
    const value = error[name];
    if (value !== undefined && name !== 'severity') fields += `${letter}${value}\0`;
  }
  return message(ERROR_RESPONSE, Buffer.from(`${fields}\0`));
}

/** Terminate: the client leaves. */
export const GOODBYE = Buffer.from([0x58, 0, 0, 0, 4]);

/** A request to prove something, which a client answers at any time: it shows that everything before it was read. */
export const CHALLENGE = message(AUTHENTICATION, Buffer.from('\0\0\0\u000aSCRAM-SHA-256\0\0', 'latin1'));

function message(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
