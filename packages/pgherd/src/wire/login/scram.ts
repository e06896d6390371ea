import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { protocolError } from '../content/reader.ts';
import { saslprep } from './saslprep.ts';

export const SCRAM = 'SCRAM-SHA-256';
export const SCRAM_PLUS = 'SCRAM-SHA-256-PLUS';

/** Fewer iterations than PostgreSQL has ever used would make the password easy to guess for a listener. */
export const LEAST_ITERATIONS = 4_096;
const NONCE_BYTES = 18;
const KEY_BYTES = 32;

/** How the exchange is bound to its TLS channel. */
export type Binding =
  /** The certificate's hash goes into the proof. */
  | { readonly kind: 'bound'; readonly hash: Buffer }
  /** We could, and the server does not offer it. */
  | { readonly kind: 'unoffered' }
  /** There is no TLS, or it was not wanted. */
  | { readonly kind: 'none' };

/** The first message, and what is needed for those that follow. */
export interface ScramStart {
  readonly mechanism: string;
  readonly binding: Binding;
  readonly nonce: string;
  /** The body of SASLInitialResponse's data. */
  readonly message: string;
}

/** Begins an exchange. `random` gives bytes that cannot be guessed. */
export function startScram(binding: Binding, random: (bytes: number) => Buffer): ScramStart {
  const nonce = random(NONCE_BYTES).toString('base64');
  const mechanism = binding.kind === 'bound' ? SCRAM_PLUS : SCRAM;
  return { mechanism, binding, nonce, message: `${gs2Header(binding)}n=*,r=${nonce}` };
}

function gs2Header(binding: Binding): string {
  switch (binding.kind) {
    case 'bound':
      return 'p=tls-server-end-point,,';
    case 'unoffered':
      return 'y,,';
    case 'none':
      return 'n,,';
    default:
      return binding satisfies never;
  }
}

/** What the server answered first, checked. */
export interface ServerFirst {
  readonly text: string;
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

const NONCE = /^[\x21-\x2B\x2D-\x7E]+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** @throws PgHerdError `PGHERD_PROTOCOL_ERROR` for what is no answer to `start`, or has too many or too few iterations. */
export function readServerFirst(text: string, start: ScramStart, maxIterations: number): ServerFirst {
  const parts = text.split(',');
  const [nonce, salt, count] = ['r=', 's=', 'i='].map((key, index) => {
    const part = parts[index];
    return part?.startsWith(key) === true ? part.slice(2) : undefined;
  });
  if (nonce === undefined || salt === undefined || count === undefined)
    throw protocolError('its first SCRAM message is not "r=…,s=…,i=…"');
  if (!NONCE.test(nonce) || !nonce.startsWith(start.nonce) || nonce.length === start.nonce.length)
    throw protocolError('its SCRAM nonce does not go on from ours');
  if (!BASE64.test(salt) || salt.length % 4 !== 0) throw protocolError('its SCRAM salt is no base64');
  const iterations = /^[1-9][0-9]{0,9}$/.test(count) ? Number(count) : Number.NaN;
  if (!(iterations >= LEAST_ITERATIONS && iterations <= maxIterations)) {
    throw protocolError(
      `it asks for ${Number.isNaN(iterations) ? 'an invalid number of' : iterations} SCRAM iterations, and ${LEAST_ITERATIONS} to ` +
        `${maxIterations} are allowed (option scramMaxIterations)`,
    );
  }
  return { text, nonce, salt: Buffer.from(salt, 'base64'), iterations };
}

/** Our proof, and the one that the server owes. */
export interface Proof {
  readonly message: string;
  readonly serverSignature: Buffer;
}

/** Derives the key, which takes milliseconds of a thread of the pool, and proves that we have it. */
export async function prove(start: ScramStart, first: ServerFirst, password: string): Promise<Proof> {
  const salted = await derive(saslprep(password), first.salt, first.iterations);
  const header = Buffer.from(gs2Header(start.binding));
  const bound = start.binding.kind === 'bound' ? Buffer.concat([header, start.binding.hash]) : header;
  const unproven = `c=${bound.toString('base64')},r=${first.nonce}`;
  const exchange = `n=*,r=${start.nonce},${first.text},${unproven}`;
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(clientKey).digest(), exchange);
  for (let index = 0; index < clientKey.length; index++)
    signature[index] = (signature[index] ?? 0) ^ (clientKey[index] ?? 0);
  return {
    message: `${unproven},p=${signature.toString('base64')}`,
    serverSignature: hmac(hmac(salted, 'Server Key'), exchange),
  };
}

/** Whether the server's last message proves that it knows the password as well. */
export function isProven(text: string, { serverSignature }: Proof): boolean {
  if (!text.startsWith('v=')) return false;
  const given = Buffer.from(text.slice(2).split(',')[0] ?? '', 'base64');
  return given.length === serverSignature.length && timingSafeEqual(given, serverSignature);
}

function derive(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, KEY_BYTES, 'sha256', (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
