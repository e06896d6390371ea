import { PgHerdError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../time/port.ts';
import { unlessAborted } from '../time/wait.ts';

/** The node, user and database that a password is asked for. */
export interface PasswordRequest {
  /** Name of the node, `host:port`. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A password that expires. */
export interface ExpiringPassword {
  readonly password: string;
  /** When it expires, in milliseconds since 1970. Default: when a server refuses it. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * Returns the password for a node, or a token in its place. It is called when a connection is opened. The
 * password is kept for the node until it expires or the server refuses it; then the function is called again.
 * Connections that are opened at the same time wait for one call.
 */
export type PasswordFunction = (
  request: PasswordRequest,
) => string | ExpiringPassword | Promise<string | ExpiringPassword>;

/**
 * Where the password of a node comes from: known, returned by a function, or looked up for each connection.
 */
export type PasswordOrigin =
  | { readonly kind: 'known'; readonly password: Secret | undefined }
  | { readonly kind: 'asked'; readonly ask: PasswordFunction }
  | { readonly kind: 'looked-up'; readonly lookUp: (host: PasswordRequest) => Promise<Secret | undefined> };

/** What {@link Credentials} need from their node. */
export interface CredentialsPorts {
  readonly origin: PasswordOrigin;
  readonly clock: Clock;
  about(): PasswordRequest;
}

/** How many refused values are remembered. */
const REMEMBERED = 8;

interface Answer {
  readonly password: Secret;
  readonly expiresAtMs: number;
}

/** The password of one node, asked for as seldom as possible. */
export class Credentials {
  readonly #ports: CredentialsPorts;
  #answer: Answer | undefined;
  #asking: Promise<Answer> | undefined;
  /** Values that the server refused since it last accepted one, the newest last. */
  #refused: readonly Secret[] = [];

  constructor(ports: CredentialsPorts) {
    this.#ports = ports;
  }

  /**
   * The password to connect with; `undefined` if none is configured. Rejects with the signal's reason when it
   * aborts.
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

  /**
   * Another password than the one that was just refused; `undefined` if there is none. Otherwise as
   * {@link current}.
   */
  async instead(refused: Secret | undefined, signal: AbortSignal): Promise<Secret | undefined> {
    this.noteRefused(refused);
    if (this.#ports.origin.kind !== 'asked') return undefined;
    // If many connections fail at once, the first asks again, and the others use the answer it got.
    if (this.#answer?.password.equals(refused)) this.#answer = undefined;
    const other = await this.current(signal);
    return this.#wasRefused(other) ? undefined : other;
  }

  /**
   * Whether there is a value by now that the server has not refused; a function is asked, a file is read. Errors as of {@link current}.
   */
  async hasAnother(signal: AbortSignal): Promise<boolean> {
    if (this.#ports.origin.kind === 'known') return false;
    this.#answer = undefined;
    const other = await this.current(signal);
    return other !== undefined && !this.#wasRefused(other);
  }

  /** The server refused this value. */
  noteRefused(password: Secret | undefined): void {
    if (password === undefined || this.#wasRefused(password)) return;
    this.#refused = [...this.#refused.slice(1 - REMEMBERED), password];
  }

  /** The server has accepted a value: what it refused before may be right some day. */
  noteAccepted(): void {
    if (this.#refused.length > 0) this.#refused = [];
  }

  #wasRefused(password: Secret | undefined): boolean {
    return this.#refused.some((refused) => refused.equals(password));
  }

  #asked(ask: PasswordFunction, signal: AbortSignal): Promise<Answer> {
    this.#asking ??= this.#ask(ask).finally(() => {
      this.#asking = undefined;
    });
    const asking = this.#asking;
    return unlessAborted(asking, signal, () => {
      // Later connections must not wait for a function that never answers.
      if (this.#asking === asking) this.#asking = undefined;
      return signal.reason;
    });
  }

  async #ask(ask: PasswordFunction): Promise<Answer> {
    const request = this.#ports.about();
    let given: unknown;
    try {
      given = await ask(Object.freeze(request));
    } catch (cause) {
      // The message of its error may contain the password.
      throw failed(request, 'threw an error (see cause)', cause);
    }
    const answer = answerOf(given);
    if (answer === undefined) {
      throw failed(
        request,
        'returned neither a non-empty string without NUL nor { password, expiresAtMs } with one',
      );
    }
    this.#answer = answer;
    return answer;
  }
}

function answerOf(given: unknown): Answer | undefined {
  const { password, expiresAtMs } = (
    typeof given === 'object' && given !== null ? given : { password: given }
  ) as { password?: unknown; expiresAtMs?: unknown };
  if (typeof password !== 'string' || password === '' || password.includes('\0')) return undefined;
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs)) return undefined;
  const until = expiresAtMs === undefined ? Number.POSITIVE_INFINITY : Number(expiresAtMs);
  return { password: new Secret(password), expiresAtMs: until };
}

function failed({ node, user }: PasswordRequest, what: string, cause?: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_CREDENTIALS_FAILED',
    `No connection to ${node} as ${JSON.stringify(user)}: the function that returns its password ${what}.`,
    { ...(cause === undefined ? {} : { cause }), details: { node, user } },
  );
}
