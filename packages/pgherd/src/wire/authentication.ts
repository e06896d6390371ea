import type { ConnectRequest } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';

/** The rule in a refusal if `require_auth` itself would have allowed the method. */
const ONLY_IN_CLEAR =
  'this host, which discovery named, may without TLS (sslmode=require or stricter) ask only for';

/** libpq's names of what a server can ask for; `none` if it asks for nothing. */
export type AuthenticationMethod = 'password' | 'md5' | 'scram-sha-256' | 'none';

/**
 * Holds a server to `require_auth` and `channel_binding=require`, as libpq does: a server that asks for less,
 * or for nothing, is not the one that the user trusts, and must not see the password. A server that asked for
 * SCRAM must prove that it knows the password, too.
 *
 * The adapter reports each message of the server before its driver acts on it.
 */
export class AuthenticationCheck {
  readonly #allowed: readonly string[] | undefined;
  readonly #rule: string;
  readonly #mustBind: boolean;
  readonly #refuse: (error: PgHerdError) => void;
  #asked = false;
  #owesProof = false;

  constructor(request: ConnectRequest, encrypted: boolean, refuse: (error: PgHerdError) => void) {
    const { requireAuth, requireAuthInClear, channelBinding } = request;
    this.#allowed = encrypted ? requireAuth : (requireAuthInClear ?? requireAuth);
    this.#rule = this.#allowed === requireAuth ? 'require_auth allows' : ONLY_IN_CLEAR;
    this.#mustBind = channelBinding === 'require';
    this.#refuse = refuse;
  }

  /** Whether some methods would be refused, so that every demand must be reported, however late it comes. */
  get isSelective(): boolean {
    return this.#allowed !== undefined || this.#mustBind;
  }

  /** The server asks for a proof of identity; `isBound`: bound to the TLS channel. */
  asked(method: AuthenticationMethod, isBound = false): void {
    this.#asked = true;
    if (method === 'scram-sha-256') this.#owesProof = true;
    const allowed = this.#allowed;
    if (allowed !== undefined && !allowed.includes(method)) {
      this.#refuse(refusal(`it asks for ${method}, and ${this.#rule} ${allowed.join(', ')}`));
    } else if (this.#mustBind && !isBound) {
      this.#refuse(
        refusal('it does not bind the authentication to the TLS channel, as channel_binding=require demands'),
      );
    }
  }

  /** The server has sent its proof, which the driver checks. */
  proved(): void {
    this.#owesProof = false;
  }

  /** AuthenticationOk. */
  accepted(): void {
    if (!this.#asked) this.asked('none');
    if (!this.#owesProof) return;
    this.#owesProof = false;
    const sentence =
      'The server accepted the login without the proof that it knows the password: it may be another server.';
    this.#refuse(new PgHerdError('PGHERD_AUTHENTICATION_FAILED', sentence));
  }
}

function refusal(reason: string): PgHerdError {
  return new PgHerdError('PGHERD_AUTHENTICATION_FAILED', `The server was not given the password: ${reason}.`);
}
