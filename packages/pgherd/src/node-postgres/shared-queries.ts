import type { CallOptions } from '../call/call.ts';
import { guestPortOf } from '../cluster/guest-port.ts';
import { argumentError, PgHerdError } from '../model/errors.ts';
import { readStatement } from '../sql/statement.ts';
import type { Binding } from './binding.ts';
import { type PlainCall, plainCall } from './call.ts';
import type { Pg, PgPool, PgResult } from './module.ts';
import { type Runner, runByCluster, settle } from './results.ts';
import { sharedVerdict } from './shared-statement.ts';

/** Options of sessions, which connections that are not the pool's do not have. */
const OF_SESSIONS = ['statement_timeout', 'lock_timeout', 'options'] as const;

/** The single statements of a pool that the cluster runs on connections which it shares among calls. */
export class SharedQueries {
  readonly #pg: Pg;
  readonly #pool: PgPool;
  readonly #runner: Runner;
  readonly #options: CallOptions;
  readonly #types: unknown;
  #running = 0;
  #whenSettled: (() => void)[] = [];

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that would have no effect. */
  constructor(pg: Pg, pool: PgPool, { cluster, routing }: Binding) {
    this.#pg = pg;
    this.#pool = pool;
    this.#runner = guestPortOf(cluster).routesByText ? cluster.auto : cluster;
    const { options } = pool;
    assertNoSessionOptions(options);
    const timeoutMs = Number(options['query_timeout'] ?? 0);
    this.#options = Object.freeze(timeoutMs > 0 ? { ...routing, timeoutMs } : { ...routing });
    this.#types = options['types'];
  }

  /** How to run a call; `undefined` if it is for a client. */
  run(first: unknown, second: unknown, third: unknown): (() => Promise<PgResult> | undefined) | undefined {
    const call = this.#isUsual() ? plainCall(first, second, third) : undefined;
    if (call === undefined || this.#pool.ending) return undefined;
    switch (sharedVerdict(call.text)) {
      case 'client':
        return undefined;
      case 'transaction':
        return () => settle(Promise.reject(notShared(call.text)), call.callback);
      case 'shared':
        return () => settle(this.#run(call), call.callback);
    }
  }

  /** Resolves when nothing runs any more. */
  async settled(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  /** `pg` has settings for the whole process that the cluster does not know. */
  #isUsual(): boolean {
    const { parseInputDatesAsUTC, binary } = this.#pg.defaults;
    return parseInputDatesAsUTC !== true && binary !== true && this.#pool.options['binary'] !== true;
  }

  async #run(call: PlainCall): Promise<PgResult> {
    this.#running++;
    try {
      const types = call.types ?? this.#types ?? undefined;
      return await runByCluster(
        this.#pg,
        this.#runner,
        types === call.types ? call : { ...call, types },
        this.#options,
      );
    } finally {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#whenSettled.splice(0)) resolve();
    }
  }
}

function assertNoSessionOptions(options: Readonly<Record<string, unknown>>): void {
  const given = OF_SESSIONS.filter((name) => Boolean(options[name]));
  if (given.length === 0) return;
  throw argumentError(
    `A pool with query: 'shared' has no effect on the sessions that it shares: ${given.join(', ')} must be options of ` +
      'the cluster (statementTimeoutMs, lockTimeoutMs, session).',
    { arguments: given },
  );
}

function notShared(text: string): PgHerdError {
  const { keyword } = readStatement(text);
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    `${keyword} cannot be run with pool.query() of a pool with query: 'shared': the next statement may run on another connection. ` +
      'Use const client = await pool.connect() and client.query() for all of the transaction, or db.transaction(fn).',
    { details: { keyword, verb: 'connect' } },
  );
}
