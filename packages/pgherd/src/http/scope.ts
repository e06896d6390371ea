import { AsyncResource } from 'node:async_hooks';
import type { Cluster } from '../cluster/cluster.ts';
import { PgHerdError } from '../model/errors.ts';
import { type Carrier, type CausalRequestOptions, carrierOf, type ResponseHeader } from './carrier.ts';

/** The causal scope of one request. */
export interface RequestScope {
  /** Runs `fn` in the scope, also where its asynchronous context was lost, as behind a body parser. */
  within<T>(fn: () => T): T;
  /** The header that the response gets; `undefined` if the client has what it needs. Never rejects. */
  header(): Promise<ResponseHeader | undefined>;
}

/** Why a request is not handled. */
export interface Refusal {
  readonly status: 400;
  readonly body: { readonly code: string; readonly message: string };
  readonly header: ResponseHeader | undefined;
}

/** Gives each request a causal scope that begins with the token it brings. */
export class RequestScopes {
  readonly #cluster: Cluster;
  readonly #options: CausalRequestOptions;
  readonly #carrier: Carrier;

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` */
  constructor(cluster: Cluster, options: CausalRequestOptions) {
    this.#cluster = cluster;
    this.#carrier = carrierOf(cluster, options);
    this.#options = options;
  }

  /** The header of requests that {@link enter} needs. */
  get requestHeader(): string {
    return this.#carrier.requestHeader;
  }

  /**
   * Calls `handle` in the scope of a request, at once if its token is valid; or `refuse`, if it is not and such requests are not handled.
   * With a cluster that is closed, there is no scope.
   */
  async enter<T, R>(
    header: string | undefined,
    handle: (scope: RequestScope) => T | Promise<T>,
    refuse: (refusal: Refusal) => R,
  ): Promise<T | R> {
    if (!this.#cluster.isOpen) return handle(WITHOUT);
    const after = this.#carrier.read(header);
    let hasBegun = false;
    try {
      return await this.#cluster.causal(
        () => {
          hasBegun = true;
          return handle(this.#scope(after, undefined));
        },
        { after },
      );
    } catch (error) {
      if (hasBegun || !isInvalidToken(error)) throw error;
      this.#report(error);
      if (this.#options.invalid === 'refuse') return refuse(this.#refusal(error));
    }
    return this.#cluster.causal(() => handle(this.#scope(undefined, this.#carrier.removal)));
  }

  #scope(brought: string | undefined, otherwise: ResponseHeader | undefined): RequestScope {
    const context = new AsyncResource('pgherd.request');
    const ask = () => this.#cluster.token();
    return {
      within: (fn) => context.runInAsyncScope(fn),
      header: async () => {
        const token = await context.runInAsyncScope(ask).catch(() => undefined);
        return token === undefined || token === brought ? otherwise : this.#carrier.write(token);
      },
    };
  }

  #refusal({ code, message }: PgHerdError): Refusal {
    return { status: 400, body: { code, message }, header: this.#carrier.removal };
  }

  #report(error: PgHerdError): void {
    try {
      this.#options.onInvalid?.(error);
    } catch {
      // A request is not refused because the program cannot count its tokens.
    }
  }
}

const WITHOUT: RequestScope = Object.freeze({
  within: <T>(fn: () => T) => fn(),
  header: () => Promise.resolve(undefined),
});

function isInvalidToken(error: unknown): error is PgHerdError {
  return error instanceof PgHerdError && error.code === 'PGHERD_INVALID_TOKEN';
}
