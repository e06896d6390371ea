import { beginCall, type CallOptions, prepareCall } from '../call/call.ts';
import { abortedError, withNode } from '../call/failures.ts';
import type { ConnectionPlan } from '../dsn/index.ts';
import { Engine } from '../engine/engine.ts';
import { Herd } from '../herd/herd.ts';
import { logEvents } from '../herd/log.ts';
import { atCaller } from '../model/caller.ts';
import { messageOf, NoSuitableNodeError, PgHerdError } from '../model/errors.ts';
import { assertNoCallback } from '../model/option-names.ts';
import { ownStatement, type QueryResult, type Row } from '../model/statement.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { type Lease, leaseOf } from '../query/lease.ts';
import { type Querier, verbsOf } from '../query/querier.ts';
import { onHostFailure } from '../retry/on-host-failure.ts';
import type { Rejection } from '../routing/select.ts';
import { matchSession, type SessionMatch, type SessionRole } from '../routing/session-match.ts';
import { type Deadline, deadlineAfter, earliest, isPast } from '../time/deadline.ts';
import { within } from '../time/wait.ts';
import { listedName } from '../topology/node.ts';
import { type ConnectOptions, connectSettings } from './connect-settings.ts';
import { endsWithin } from './ends-within.ts';

/** A single session with one server, without a pool, made by {@link connect}. Nothing on it is run again. */
export interface ConnectedSession extends Querier, AsyncDisposable {
  /** The server that it is with, `host:port`. */
  readonly node: string;
  /** Whether it can be used: `false` after `close()` and after the connection was lost. */
  readonly isOpen: boolean;
  /**
   * Runs many statements in one text by the simple protocol. Returns the result of the last statement.
   * @throws PgHerdError as of {@link Querier.query}.
   */
  script(text: string, options?: CallOptions): Promise<QueryResult<Row>>;
  /**
   * Ends the session, once; what runs on it has `drainMs` to end. Every verb fails with `PGHERD_LEASE_RELEASED` afterwards. Never rejects.
   */
  close(): Promise<void>;
}

/**
 * One session with the first server of a connection string, or of a plan, that suits the target (`target_session_attrs`, else `read-write`),
 * for programs that need no pool. The servers are tried one after the other, as by libpq: in the order of the string, at random with
 * `load_balance_hosts=random`. The session ends with its connection: nothing is run again, and no other server is looked for.
 *
 * @throws NoSuitableNodeError `PGHERD_NO_SUITABLE_NODE` if no server suits, with the reason of each; the server's own error if it refuses
 * the login, such as for a wrong password: then no further server is asked; PgHerdError `PGHERD_TIMEOUT`, `PGHERD_ABORTED`,
 * `PGHERD_CREDENTIALS_FAILED`, `PGHERD_INVALID_ARGUMENT`; InvalidOptionsError `PGHERD_INVALID_OPTIONS`; InvalidDsnError `PGHERD_INVALID_DSN`.
 * @example
 * ```ts
 * import { connect } from 'pgherd';
 * await using session = await connect('postgres://app@db1,db2/shop', { target: 'read-write' });
 * await session.query('vacuum analyze orders');
 * ```
 */
export async function connect(
  to: string | ConnectionPlan,
  options: ConnectOptions = {},
): Promise<ConnectedSession> {
  const search = new HostSearch(connectSettings(to, options), options);
  try {
    return sessionOf(search, await search.run());
  } catch (error) {
    search.end();
    throw atCaller(error);
  }
}

/** Looks for a session, server by server. The herd behind it is never started: it has no monitors. */
class HostSearch {
  readonly engine: Engine;
  readonly #settings: ClusterSettings;
  readonly #herd: Herd;
  readonly #startedAt: number;
  readonly #deadline: Deadline;
  readonly #signal: AbortSignal | undefined;
  readonly #rejections: Rejection[] = [];
  readonly #errors: unknown[] = [];
  /** One that suits as second choice. */
  #second: Session | undefined;

  constructor(settings: ClusterSettings, { timeoutMs, signal }: ConnectOptions) {
    this.#settings = settings;
    this.#herd = new Herd(settings);
    this.engine = new Engine(this.#herd);
    this.#startedAt = settings.clock.now();
    this.#deadline = deadlineAfter(this.#startedAt, timeoutMs);
    this.#signal = signal;
    logEvents(this.#herd.events, settings.logger);
    for (const message of settings.plan.warnings) this.#herd.events.emit('cluster:warned', { message });
  }

  /** The first session that suits, else the second choice; errors as of {@link connect}. */
  async run(): Promise<Session> {
    for (const node of [...this.#herd.nodes.values()]) {
      const session = (await this.#look(node)) ?? (await this.#lookAtAddresses(node));
      if (session !== undefined) return session;
      if (this.#isLate) break;
    }
    const second = this.#second;
    if (second !== undefined && !second.connection.closed) return second;
    throw this.#failure();
  }

  /** A lease on the session for as long as it lasts. */
  lease(session: Session): Lease {
    const { clock, random } = this.#settings;
    const now = clock.now();
    // It was not opened as a read-only one: whatever was asked for, it may write if its server lets it.
    const call = beginCall(prepareCall({ target: 'read-write' }, this.#settings), now, random);
    session.lease('read-write', now, undefined);
    for (const { pool } of this.#herd.liveNodes) if (!pool.isLeased(session)) pool.terminate();
    return leaseOf(this.engine, session, call);
  }

  /** Ends the session in order; what runs on it has `drainMs` to end. */
  async close(session: Session, lease: Lease): Promise<void> {
    const { clock, drainMs } = this.#settings;
    session.retire(CLOSED);
    lease.release();
    await endsWithin(clock, drainMs, Promise.all(this.#herd.liveNodes.map((node) => node.close(CLOSED))));
    this.end();
  }

  /** Destroys everything. */
  end(): void {
    this.#herd.stop();
    for (const node of this.#herd.liveNodes) {
      node.stop();
      node.terminate(CLOSED);
    }
  }

  get #isLate(): boolean {
    return isPast(this.#deadline, this.#settings.clock.now());
  }

  /** A session of one of the servers that a name has turned out to have. */
  async #lookAtAddresses({ name }: LiveNode): Promise<Session | undefined> {
    const herd = this.#herd;
    if (herd.nodes.has(name)) herd.names.reached(name, undefined);
    if (herd.nodes.has(name)) return undefined;
    for (const { address, name: one } of herd.topology.nodes) {
      const node = listedName(address) === name ? herd.nodes.get(one) : undefined;
      const session = node === undefined || this.#isLate ? undefined : await this.#look(node);
      if (session !== undefined) return session;
    }
    return undefined;
  }

  /**
   * A session of this server, if it suits at once.
   * @throws what ends the search.
   */
  async #look(node: LiveNode): Promise<Session | undefined> {
    this.#assertNotAborted();
    let session: Session | undefined;
    try {
      session = await node.pool.acquire({ deadline: this.#deadline, signal: this.#signal });
      const match = await this.#match(session);
      if (match === 'first') return session;
      if (match === 'second') this.#second ??= session;
      else this.#rejections.push({ node: node.name, reason: match.reason });
      if (this.#second !== session) node.pool.release(session, 'another server was asked for');
    } catch (error) {
      if (session !== undefined) this.engine.discard(session, 'its role is not known');
      this.#assertNotAborted();
      // Its name turned out to have several servers: these are asked instead.
      if (!this.#herd.nodes.has(node.name)) return undefined;
      if (!this.#isLate && onHostFailure(error) === 'stop') throw withNode(error, node.name);
      this.#rejections.push({ node: node.name, reason: `gave no session: ${messageOf(error)}` });
      this.#errors.push(error);
    }
    return undefined;
  }

  #assertNotAborted(): void {
    if (this.#signal?.aborted === true) throw abortedError(this.#signal);
  }

  async #match(session: Session): Promise<SessionMatch> {
    const { target } = this.#settings;
    return target === 'any' ? 'first' : matchSession(target, await this.#roleOf(session));
  }

  /** From 14 on, a server says so itself; a pooler may repeat what another server said. */
  async #roleOf({ node, connection }: Session): Promise<SessionRole> {
    const inRecovery = connection.parameters.get('in_hot_standby');
    const readOnly = connection.parameters.get('default_transaction_read_only');
    const isDirect = connection.perTransaction === undefined;
    if (inRecovery !== undefined && readOnly !== undefined && isDirect)
      return { inRecovery: inRecovery === 'on', readOnly: readOnly === 'on' };
    const { clock, connectTimeoutMs } = this.#settings;
    const late = () => noRole(node, connectTimeoutMs);
    const { rows } = await within(clock, connection.query(ownStatement(ROLE)), {
      deadline: earliest(this.#deadline, clock.now() + connectTimeoutMs),
      signal: this.#signal,
      late,
      aborted: () => abortedError(this.#signal),
    });
    const [row] = rows;
    return { inRecovery: row?.['in_recovery'] === 'true', readOnly: row?.['read_only'] === 'on' };
  }

  #failure(): PgHerdError {
    const { clock, target } = this.#settings;
    const tookMs = Math.round(clock.now() - this.#startedAt);
    const list = this.#rejections.map(({ node, reason }) => `${node}: ${reason}`).join('; ');
    const cause =
      this.#errors.length > 1
        ? new AggregateError(this.#errors, 'what the servers answered')
        : this.#errors[0];
    const options = { cause, details: { target, tookMs, nodes: this.#rejections } };
    if (this.#isLate)
      return new PgHerdError(
        'PGHERD_TIMEOUT',
        `connect found no session within ${tookMs} ms (timeoutMs). ${list}`,
        options,
      );
    return new NoSuitableNodeError(`No server suits the target "${target}". ${list}`, options);
  }
}

function sessionOf(search: HostSearch, session: Session): ConnectedSession {
  const lease = search.lease(session);
  let closing: Promise<void> | undefined;
  const close = async (...given: readonly unknown[]) => {
    assertNoCallback('close', given);
    closing ??= search.close(session, lease);
    return closing;
  };
  return Object.freeze({
    ...verbsOf(lease),
    script: lease.script,
    node: lease.node,
    get isOpen() {
      return lease.isHeld && !session.connection.closed;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  });
}

function noRole(node: string, ms: number): PgHerdError {
  const sentence = `${node} did not say within ${ms} ms (connectTimeoutMs) whether it is a standby.`;
  return new PgHerdError('PGHERD_CONNECT_TIMEOUT', sentence, { details: { node } });
}

const CLOSED = 'the session is closed';
/** For servers that do not report it at the login. */
const ROLE = `select pg_catalog.pg_is_in_recovery()::text as in_recovery,
  pg_catalog.current_setting('default_transaction_read_only') as read_only`;
