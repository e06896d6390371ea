import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { authentication, text } from './encode.ts';

/** How a fake asks for a proof of identity. */
export type FakeAuthentication =
  | { readonly method: 'trust' }
  | { readonly method: 'password' | 'md5' | 'scram-sha-256'; readonly password: string };

/** What a fake answers to a client's proof: the next message, or the verdict. */
export type ProofStep =
  | { readonly kind: 'continue'; readonly reply: Buffer }
  | { readonly kind: 'proven'; readonly reply: Buffer | undefined }
  | { readonly kind: 'failed' };

/** One client's proof of identity, step by step. */
export interface Proof {
  /** What the server asks for; nothing if it trusts every client. */
  readonly demand: Buffer | undefined;
  /** Takes the body of a `p` message. */
  answer(body: Buffer): ProofStep;
}

/** Few, where a server has 4,096: it runs in the process of the test, and costs the client as much. */
const ITERATIONS = 4_096;

/** The proof that `auth` wants of `user`. */
export function demandProof(auth: FakeAuthentication, user: string): Proof {
  switch (auth.method) {
    case 'trust':
      return { demand: undefined, answer: () => ({ kind: 'failed' }) };
    case 'password':
      return {
        demand: authentication(3),
        answer: (body) => verdict(body.equals(text(auth.password))),
      };
    case 'md5':
      return md5Proof(auth.password, user);
    case 'scram-sha-256':
      return scramProof(auth.password);
    default:
      return auth satisfies never;
  }
}

function verdict(proven: boolean): ProofStep {
  return proven ? { kind: 'proven', reply: undefined } : { kind: 'failed' };
}

function md5Proof(password: string, user: string): Proof {
  const salt = randomBytes(4);
  const md5 = (...parts: readonly (string | Buffer)[]): string => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
  const expected = text(`md5${md5(md5(password, user), salt)}`);
  return { demand: authentication(5, salt), answer: (body) => verdict(body.equals(expected)) };
}

/** The server's side of RFC 5802 with SHA-256, without channel binding. */
function scramProof(password: string): Proof {
  const salt = randomBytes(16);
  let firstBare: string | undefined;
  let serverFirst = '';
  let nonce = '';
  const first = (body: Buffer): ProofStep => {
    const end = body.indexOf(0);
    const said = body.toString('utf8', end + 5);
    const bare = /^[ny],[^,]*,(.*)$/s.exec(said)?.[1];
    const clientNonce = /(?:^|,)r=([^,]+)/.exec(bare ?? '')?.[1];
    if (
      body.toString('utf8', 0, end) !== 'SCRAM-SHA-256' ||
      bare === undefined ||
      clientNonce === undefined
    ) {
      return { kind: 'failed' };
    }
    firstBare = bare;
    nonce = clientNonce + randomBytes(18).toString('base64');
    serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${ITERATIONS}`;
    return { kind: 'continue', reply: authentication(11, Buffer.from(serverFirst)) };
  };
  const last = (body: Buffer, bare: string): ProofStep => {
    const parts = /^(c=[^,]+,r=([^,]+)),p=(.+)$/.exec(body.toString('utf8'));
    if (parts === null || parts[2] !== nonce) return { kind: 'failed' };
    const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const authMessage = `${bare},${serverFirst},${parts[1]}`;
    const signature = hmac(storedKey, authMessage);
    const expected = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    const shown = Buffer.from(parts[3] ?? '', 'base64');
    if (shown.length !== expected.length || !timingSafeEqual(shown, expected)) return { kind: 'failed' };
    const serverSignature = hmac(hmac(salted, 'Server Key'), authMessage).toString('base64');
    return { kind: 'proven', reply: authentication(12, Buffer.from(`v=${serverSignature}`)) };
  };
  return {
    demand: authentication(10, Buffer.concat([text('SCRAM-SHA-256'), Buffer.of(0)])),
    answer: (body) => (firstBare === undefined ? first(body) : last(body, firstBare)),
  };
}

function hmac(key: Buffer, value: string): Buffer {
  return createHmac('sha256', key).update(value).digest();
}
