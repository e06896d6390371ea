import { PgHerdError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../time/port.ts';

/** For whom a password is asked. */
export interface PasswordRequest {
  /** Name of the node, `host:port`. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A password that does not last. */
export interface ExpiringPassword {
  readonly password: string;
  /** When it expires, in milliseconds since 1970. Default: when a server refuses it. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * Gives the password, or a token in its place, for a node. It is called when a connection is opened; what it gives is kept
 * for the node until it expires or a server refuses it, and is then asked for again. Many connections that are opened at once
 * wait for one call.
 */
export type PasswordFunction = (
  request: PasswordRequest,
) => string | ExpiringPassword | Promise<string | ExpiringPassword>;

/** Where the password of a node comes from: known, asked of the program, or looked up anew each time. */
export type PasswordOrigin =
  | { readonly kind: 'known'; readonly password: Secret | undefined }
  | { readonly kind: 'asked'; readonly ask: PasswordFunction }
  | { readonly kind: 'looked-up'; readonly lookUp: (host: PasswordRequest) => Promise<Secret | undefined> };

/** What {@link Credentials} need of their node. */
export interface CredentialsPorts {
  readonly origin: PasswordOrigin;
  readonly clock: Clock;
  about(): PasswordRequest;
}

interface Answer {
  readonly password: Secret;
  readonly expiresAtMs: number;
}

/** The password of one node, asked for as seldom as can be. */
export class Credentials {
  readonly #ports: CredentialsPorts;
  #answer: Answer | undefined;
  #asking: Promise<Answer> | undefined;

  constructor(ports: CredentialsPorts) {
    this.#ports = ports;
  }

  /**
   * The password to connect with; `undefined` where none is configured. Rejects with the signal's reason when it aborts.
   * @throws PgHerdError `PGHERD_CREDENTIALS_FAILED`
   */
  async current(signal: AbortSignal): Promise<Secret | undefined> {
    const { origin, clock } = this.#ports;
    switch (origin.kind) {
      case 'known':
        return origin.password;
      case 'looked-up':
        return origin.lookUp(this.#ports.about());
      case 'asked': {
        const known = this.#answer;
        if (known !== undefined && clock.wallTime() < known.expiresAtMs) return known.password;
        return (await this.#asked(origin.ask, signal)).password;
      }
      default:
        return origin satisfies never;
    }
  }

  /** Another password than the one that was just refused; `undefined` where there is none. Otherwise as {@link current}. */
  async instead(refused: Secret | undefined, signal: AbortSignal): Promise<Secret | undefined> {
    if (this.#ports.origin.kind !== 'asked') return undefined;
    // Of many connections that fail at once the first has it asked for again, and the others take what it got.
    if (this.#answer?.password.equals(refused)) this.#answer = undefined;
    const other = await this.current(signal);
    return other?.equals(refused) ? undefined : other;
  }

  #asked(ask: PasswordFunction, signal: AbortSignal): Promise<Answer> {
    this.#asking ??= this.#ask(ask).finally(() => {
      this.#asking = undefined;
    });
    const asking = this.#asking;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        // A function that never answers must not be waited for by all that come later.
        if (this.#asking === asking) this.#asking = undefined;
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      asking.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  async #ask(ask: PasswordFunction): Promise<Answer> {
    const request = this.#ports.about();
    let given: unknown;
    try {
      given = await ask(Object.freeze(request));
    } catch (cause) {
      // What it says may hold what it was about to give.
      throw failed(request, 'threw an error, which is the cause', cause);
    }
    const answer = answerOf(given);
    if (answer === undefined) {
      throw failed(request, 'gave neither a text that is not empty nor { password, expiresAtMs } with one');
    }
    this.#answer = answer;
    return answer;
  }
}

function answerOf(given: unknown): Answer | undefined {
  const { password, expiresAtMs } = (
    typeof given === 'object' && given !== null ? given : { password: given }
  ) as { password?: unknown; expiresAtMs?: unknown };
  if (typeof password !== 'string' || password === '') return undefined;
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs)) return undefined;
  const until = expiresAtMs === undefined ? Number.POSITIVE_INFINITY : Number(expiresAtMs);
  return { password: new Secret(password), expiresAtMs: until };
}

function failed({ node, user }: PasswordRequest, what: string, cause?: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_CREDENTIALS_FAILED',
    `No connection to ${node} as ${JSON.stringify(user)}: the function that gives its password ${what}.`,
    { ...(cause === undefined ? {} : { cause }), details: { node, user } },
  );
}

/** Whether a server, or a pooler, says that the password is not right. */
export function refusesPassword(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (code === '28P01') return true;
  // Servers that hand the password on (PAM, LDAP, cloud tokens) and poolers have other codes for it.
  const others = code === '28000' || code === '08P01';
  return others && typeof message === 'string' && message.includes('authentication failed');
}
