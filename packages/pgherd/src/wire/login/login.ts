import { createHash } from 'node:crypto';
import { PgHerdError } from '../../model/errors.ts';
import type { Secret } from '../../model/secret.ts';
import {
  AUTHENTICATION,
  BACKEND_KEY_DATA,
  ERROR_RESPONSE,
  IDLE,
  NEGOTIATE_PROTOCOL_VERSION,
  NOTICE_RESPONSE,
  nameOfMessage,
  PARAMETER_STATUS,
  READY_FOR_QUERY,
} from '../content/codes.ts';
import { BodyReader, protocolError } from '../content/reader.ts';
import { readServerError } from '../content/server-error.ts';
import {
  type Binding,
  isProven,
  type Proof,
  readServerFirst,
  SCRAM,
  SCRAM_PLUS,
  type ScramStart,
  type ServerFirst,
  startScram,
} from './scram.ts';

/** What a login is allowed to do, and what it knows. */
export interface LoginTerms {
  readonly user: string;
  readonly password: Secret | undefined;
  /** Methods by which the server may ask for a proof of identity; `undefined` for any. */
  readonly methods: readonly string[] | undefined;
  /** The rule that the methods come from, in words: `require_auth allows`. */
  readonly rule: string;
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  /** Hash of the server's certificate; `undefined` without TLS, or for a certificate that cannot bind. */
  readonly certificateHash: Buffer | undefined;
  readonly encrypted: boolean;
  readonly maxIterations: number;
  random(bytes: number): Buffer;
}

/**
 * Where a login stands. `asked`: the startup packet is out. `answered`: a password was sent. `offered`: SCRAM has begun.
 * `deriving`: the key is being derived, and nothing may come. `proving`: our proof is out. `proven`: the server gave its own.
 * `open`: AuthenticationOk has come. `ready`: the first ReadyForQuery.
 */
export type LoginState =
  | { readonly name: 'asked' | 'answered' | 'proven' }
  | { readonly name: 'offered'; readonly scram: ScramStart }
  | { readonly name: 'deriving'; readonly scram: ScramStart; readonly first: ServerFirst }
  | { readonly name: 'proving'; readonly proof: Proof }
  | { readonly name: 'open'; readonly hasKey: boolean }
  | { readonly name: 'ready' };

/** What the shell does for a step. */
export type LoginEffect =
  | { readonly kind: 'none' }
  /** Sends PasswordMessage, SASLInitialResponse or SASLResponse, which share one letter. */
  | { readonly kind: 'send'; readonly body: Buffer }
  | { readonly kind: 'derive' }
  | { readonly kind: 'parameter'; readonly name: string; readonly value: string }
  | { readonly kind: 'key'; readonly processId: number; readonly secretKey: Buffer };

/** A step of a login. */
export interface LoginStep {
  readonly state: LoginState;
  readonly effect: LoginEffect;
}

export const ASKED: LoginState = Object.freeze({ name: 'asked' });
const NOTHING: LoginEffect = Object.freeze({ kind: 'none' });
const MIN_KEY_BYTES = 4;
const MAX_KEY_BYTES = 256;

/** Numbers of the Authentication messages. */
const OK = 0;
const CLEARTEXT = 3;
const MD5 = 5;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

/**
 * The next step of a login: the login automaton. A message that is not possible where the login stands
 * ends it; so does a server that asks for less than the terms demand. Demands are judged by what was done, not by what was offered.
 * Pure but for the error's stack and `terms.random`.
 * @throws the server's error; PgHerdError `PGHERD_AUTHENTICATION_FAILED`, `PGHERD_SERVER_NOT_PROVEN`, `PGHERD_PROTOCOL_ERROR`
 */
export function loginStep(
  state: LoginState,
  type: number,
  body: { readonly bytes: Buffer; readonly start: number; readonly end: number },
  terms: LoginTerms,
): LoginStep {
  const { bytes, start, end } = body;
  if (type === NOTICE_RESPONSE && state.name !== 'deriving') return { state, effect: NOTHING };
  if (type === ERROR_RESPONSE) throw readServerError(bytes, start, end).error;
  const reader = new BodyReader(bytes, start, end);
  if (type === AUTHENTICATION) return authentication(state, reader, terms);
  if (type === NEGOTIATE_PROTOCOL_VERSION && state.name === 'asked') return { state, effect: NOTHING };
  if (state.name === 'open') return opened(state, type, reader);
  throw impossible(type, state);
}

function opened(state: LoginState & { name: 'open' }, type: number, reader: BodyReader): LoginStep {
  if (type === PARAMETER_STATUS) {
    const effect = { kind: 'parameter', name: reader.cstring(), value: reader.cstring() } as const;
    reader.finish('ParameterStatus');
    return { state, effect };
  }
  if (type === BACKEND_KEY_DATA && !state.hasKey) {
    const processId = reader.int32();
    if (reader.left < MIN_KEY_BYTES || reader.left > MAX_KEY_BYTES)
      throw protocolError(`BackendKeyData has a key of ${reader.left} bytes`);
    const secretKey = reader.bytes(reader.left);
    return { state: { name: 'open', hasKey: true }, effect: { kind: 'key', processId, secretKey } };
  }
  if (type === READY_FOR_QUERY) {
    const status = reader.byte();
    reader.finish('ReadyForQuery');
    if (status !== IDLE) throw protocolError('a session begins inside a transaction');
    return { state: { name: 'ready' }, effect: NOTHING };
  }
  throw impossible(type, state);
}

function authentication(state: LoginState, reader: BodyReader, terms: LoginTerms): LoginStep {
  const kind = reader.int32();
  switch (kind) {
    case OK:
      reader.finish('AuthenticationOk');
      return accepted(state, terms);
    case CLEARTEXT:
    case MD5:
      if (state.name === 'asked') return passwordAsked(kind, reader, terms);
      break;
    case SASL:
      if (state.name === 'asked') return saslAsked(reader, terms);
      break;
    case SASL_CONTINUE:
      if (state.name === 'offered') {
        const text = reader.bytes(reader.left).toString('utf8');
        const first = readServerFirst(text, state.scram, terms.maxIterations);
        return { state: { name: 'deriving', scram: state.scram, first }, effect: { kind: 'derive' } };
      }
      break;
    case SASL_FINAL:
      if (state.name === 'proving') {
        if (!isProven(reader.bytes(reader.left).toString('utf8'), state.proof)) throw notProven();
        return { state: { name: 'proven' }, effect: NOTHING };
      }
      break;
    default:
      if (state.name === 'asked') throw unsupported(kind);
  }
  throw protocolError(`the authentication request ${kind} is impossible while a login is "${state.name}"`);
}

/** AuthenticationOk: the server lets us in. */
function accepted(state: LoginState, terms: LoginTerms): LoginStep {
  switch (state.name) {
    case 'asked':
      demand('none', false, terms);
      break;
    case 'answered':
    case 'proven':
      break;
    case 'offered':
    case 'deriving':
    case 'proving':
      throw notProven();
    case 'open':
    case 'ready':
      throw protocolError('AuthenticationOk came twice');
    default:
      return state satisfies never;
  }
  return { state: { name: 'open', hasKey: false }, effect: NOTHING };
}

function passwordAsked(kind: number, reader: BodyReader, terms: LoginTerms): LoginStep {
  const clear = kind === CLEARTEXT;
  demand(clear ? 'password' : 'md5', false, terms);
  const password = passwordOf(terms);
  const sent = clear ? password : md5Of(password, terms.user, reader.bytes(4));
  reader.finish('the authentication request');
  return { state: { name: 'answered' }, effect: { kind: 'send', body: Buffer.from(`${sent}\0`) } };
}

function md5Of(password: string, user: string, salt: Buffer): string {
  const inner = createHash('md5').update(`${password}${user}`).digest('hex');
  return `md5${createHash('md5').update(inner).update(salt).digest('hex')}`;
}

function saslAsked(reader: BodyReader, terms: LoginTerms): LoginStep {
  const offered: string[] = [];
  while (reader.left > 1) offered.push(reader.cstring());
  if (reader.left > 0) reader.byte();
  const plus = offered.includes(SCRAM_PLUS);
  const binding = bindingFor(plus, terms);
  if (binding.kind !== 'bound' && !offered.includes(SCRAM)) throw noMechanism(terms);
  demand('scram-sha-256', binding.kind === 'bound', terms);
  passwordOf(terms);
  const scram = startScram(binding, terms.random);
  const data = Buffer.from(scram.message);
  const length = Buffer.alloc(4);
  length.writeInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(`${scram.mechanism}\0`), length, data]);
  return { state: { name: 'offered', scram }, effect: { kind: 'send', body } };
}

function bindingFor(plusOffered: boolean, terms: LoginTerms): Binding {
  const { certificateHash, channelBinding } = terms;
  if (channelBinding === 'disable' || certificateHash === undefined) return { kind: 'none' };
  return plusOffered ? { kind: 'bound', hash: certificateHash } : { kind: 'unoffered' };
}

/** Holds a server to what was asked for: one that asks for less, or for nothing, is not the one that was to be trusted. */
function demand(method: string, bound: boolean, terms: LoginTerms): void {
  const { methods, rule, channelBinding } = terms;
  if (methods !== undefined && !methods.includes(method))
    throw refusal(`it asks for ${method}, and ${rule} ${methods.join(', ')}`);
  if (channelBinding === 'require' && !bound) {
    throw refusal(
      terms.encrypted
        ? 'it does not bind the authentication to the TLS channel, as channel_binding=require demands'
        : 'the connection is not encrypted, and channel_binding=require demands TLS',
    );
  }
}

function passwordOf({ password }: LoginTerms): string {
  const revealed = password?.reveal() ?? '';
  if (revealed !== '') {
    if (revealed.includes('\0'))
      throw failed('The password contains a NUL character, which PostgreSQL cannot take.');
    return revealed;
  }
  throw failed(
    'The server asks for a password and none is configured: put one into the URL, PGPASSWORD or the password file.',
  );
}

/** Puts our proof in the place of the derivation that was asked for. */
export function proved(proof: Proof): LoginStep {
  return {
    state: { name: 'proving', proof },
    effect: { kind: 'send', body: Buffer.from(proof.message) },
  };
}

function refusal(reason: string): PgHerdError {
  return failed(`The server was not given the password: ${reason}.`);
}

function noMechanism({ certificateHash }: LoginTerms): PgHerdError {
  const why =
    certificateHash === undefined
      ? `offers none of the SASL mechanisms that this connection can use (${SCRAM})`
      : `offers neither ${SCRAM} nor ${SCRAM_PLUS}`;
  return failed(`The server ${why}.`);
}

function unsupported(kind: number): PgHerdError {
  const name = UNSUPPORTED[kind] ?? `method ${kind}`;
  return failed(
    `The server asks for ${name}, which pgherd does not have: use scram-sha-256, md5, password or a client certificate.`,
  );
}

const UNSUPPORTED: Readonly<Record<number, string>> = Object.freeze({
  2: 'Kerberos V5',
  6: 'SCM credentials',
  7: 'GSSAPI',
  9: 'SSPI',
});

function notProven(): PgHerdError {
  return new PgHerdError(
    'PGHERD_SERVER_NOT_PROVEN',
    'The server did not prove that it knows the password, as SCRAM demands: it may be another server.',
  );
}

function failed(sentence: string): PgHerdError {
  return new PgHerdError('PGHERD_AUTHENTICATION_FAILED', sentence);
}

function impossible(type: number, { name }: LoginState): PgHerdError {
  return protocolError(`the message ${nameOfMessage(type)} is impossible while a login is "${name}"`);
}
