import { AsyncLocalStorage } from 'node:async_hooks';
import type { Call } from '../call/call.ts';
import { CausalScope } from '../call/causal-scope.ts';
import { closedError, waitTimedOut } from '../call/failures.ts';
import type { Herd } from '../herd/herd.ts';
import type { CausalToken } from '../model/causal-token.ts';
import { parseLsn } from '../model/lsn.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Session } from '../node/session.ts';
import { type CausalRoute, type Replayed, routeToken, strictest } from '../routing/causal.ts';
import type { Demand } from '../routing/select.ts';
import { earliest } from '../time/deadline.ts';
import { withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import { ReplayWatch } from './replay-watch.ts';
import { openToken, sealToken } from './seal.ts';

/**
 * Where the log of a primary stands, including what is not yet written out: with `synchronous_commit = off`
 * the written position is behind the commit.
 */
const POSITION = `select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text as lsn,
  pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) as timeline`;

/** Targets that only a standby suits: no primary may serve in its place. */
const STRICT: ReadonlySet<string> = new Set(['standby', 'read-only']);

/** Reads that see the writes before them. */
export class Causal {
  readonly #herd: Herd;
  readonly #replay: ReplayWatch;
  readonly #storage = new AsyncLocalStorage<CausalScope>();
  #isUsed = false;

  constructor(herd: Herd) {
    this.#herd = herd;
    this.#replay = new ReplayWatch(herd);
  }

  /**
   * Runs `fn` in a scope in which every read sees the writes before it. A scope inside another one is the
   * same.
   */
  run<T>(fn: () => T, after: string | undefined): T {
    if (this.#herd.isClosed) throw closedError();
    this.#isUsed = true;
    const seed = after === undefined ? undefined : this.#opened(after);
    const outer = this.#storage.getStore();
    if (outer === undefined) return this.#storage.run(new CausalScope(seed), fn);
    if (seed !== undefined) void outer.note(Promise.resolve(seed), seed);
    return fn();
  }

  /**
   * What reads in another scope, in any process, must see; `undefined` if nothing was written, and outside of
   * any scope.
   */
  async token(): Promise<string | undefined> {
    const { scope } = this;
    await scope?.settled();
    const token = scope?.token;
    return token === undefined ? undefined : sealToken(token, this.#herd.settings.causal.secrets);
  }

  /** The scope of the calling code. */
  get scope(): CausalScope | undefined {
    return this.#isUsed ? this.#storage.getStore() : undefined;
  }

  /** Whether `call` has to be routed by {@link route} first. */
  concerns(call: Call): boolean {
    if (call.routed === true) return false;
    return call.after !== undefined || (this.#isUsed && this.#storage.getStore() !== undefined);
  }

  /**
   * The call, narrowed to nodes that show what it must see. Waits up to `causal.waitMs` for a standby to
   * replay it.
   * @throws NoSuitableNodeError if only a standby suits and none has replayed it in time.
   */
  async route(call: Call): Promise<Call> {
    this.#herd.start();
    const { scope } = this;
    const given = call.after === undefined ? undefined : this.#opened(call.after);
    const { clock, causal, waitTimeoutMs } = this.#herd.settings;
    // A call that the primary does not suit has no other node: it waits for longer.
    const patienceMs = isStrict(call.demand) ? waitTimeoutMs : causal.waitMs;
    const until = earliest(call.deadline, clock.now() + patienceMs);
    const waits = scope?.isPending === true && call.access === 'read-only';
    const isTold = !waits || (await this.#before(until, scope.settled()));
    const tokens = [given, scope?.token].filter((token) => token !== undefined);
    const route = await this.#decide(tokens, until);
    const routed: Call = { ...call, routed: true, scope };
    if (call.access !== 'read-only' || (isTold && route.kind === 'anywhere')) return routed;
    const position = route.kind === 'replayed' && isTold ? route.position : undefined;
    const names = position === undefined ? [] : await this.#caughtUp(call, position, until);
    const demand: Demand = { ...call.demand, caughtUp: names };
    if (names.length === 0 && isStrict(demand)) {
      const error = this.#herd.noNodeError(demand, clock.now() - call.startedAt);
      throw waitTimedOut(error, call, until, clock.now());
    }
    return { ...routed, demand };
  }

  /**
   * Records an answer on a session that its caller may go on holding: what is committed there must be seen at
   * once. An open transaction has nothing to see.
   */
  noteAnswered(session: Session): void {
    if (session.scope === undefined || session.connection.status === 'in-transaction') return;
    session.scope.hold(session, this.#tokenOf(session.node, {}));
  }

  /**
   * Asks a session that served the writes of a scope, and is about to be released, where the log stands now.
   * `undefined` if there is nothing to ask; otherwise the session must not be released before the promise
   * settles.
   */
  positionBehind(session: Session): Promise<void> | undefined {
    const scope = session.takeScope();
    if (scope === undefined) return undefined;
    scope.release(session);
    const lost = this.#tokenOf(session.node, {});
    if (session.connection.closed || session.occupied) {
      scope.noteLost(lost);
      return undefined;
    }
    const { clock, probe } = this.#herd.settings;
    const asked = withLimit(clock, probe.timeoutMs, session.connection.simple(POSITION)).then(
      // Of several servers, none knows what the position of another is worth.
      ({ rows }) =>
        findNode(this.#herd.topology, session.node)?.several === undefined
          ? this.#tokenOf(session.node, rows[0] ?? {})
          : lost,
      (error: unknown) => {
        // A late answer would be taken for the answer to the next statement.
        if (session.connection.status !== 'idle') session.retire('did not return its log position');
        throw error;
      },
    );
    return scope.note(asked, lost);
  }

  /** Ends the scopes: otherwise Node would carry their storage along with every promise of the process. */
  disable(): void {
    if (this.#isUsed) this.#storage.disable();
  }

  #opened(text: string): CausalToken {
    return openToken(text, this.#herd.settings.causal.secrets) ?? this.#tokenOf('', {});
  }

  #tokenOf(node: string, row: Readonly<Record<string, unknown>>): CausalToken {
    const { lsn, timeline } = row;
    const known = typeof timeline === 'string' && /^[0-9A-F]{8}$/i.test(timeline);
    return Object.freeze({
      systemIdentifier: this.#herd.topology.systemIdentifier,
      timeline: known ? Number.parseInt(timeline, 16) : undefined,
      lsn: parseLsn(typeof lsn === 'string' ? lsn : undefined),
      at: this.#herd.settings.clock.wallTime(),
      node,
    });
  }

  async #decide(tokens: readonly CausalToken[], until: number): Promise<CausalRoute> {
    const route = this.#routeOf(tokens);
    if (route.kind !== 'look') return route;
    const probes = [...this.#herd.nodes.values()].map((node) => node.monitor.probeNow());
    await this.#before(until, Promise.all(probes));
    const seen = this.#routeOf(tokens);
    return seen.kind === 'look' ? { kind: 'primary' } : seen;
  }

  #routeOf(tokens: readonly CausalToken[]): CausalRoute {
    const { clock, causal } = this.#herd.settings;
    const wallTime = clock.wallTime();
    return tokens
      .map((token) => routeToken(token, this.#herd.topology, wallTime, causal.tokenTtlMs))
      .reduce(strictest, { kind: 'anywhere' });
  }

  /** Names of the standbys that show `position`; empty if the primary has to serve. */
  async #caughtUp(call: Call, position: Replayed, until: number): Promise<readonly string[]> {
    const { tiers } = this.#herd.select(call.demand);
    const known = () => this.#standbysThatHave(position);
    const [first = []] = tiers;
    const wanted = first.filter((node) => node.role === 'standby');
    const isServed = (names: readonly string[]) => first.some((node) => names.includes(node.name));
    if (wanted.length < first.length || wanted.length === 0 || isServed(known())) return known();
    await this.#firstOf(wanted, position, until, call);
    return known();
  }

  /** Resolves when the first of the nodes has it, or when the wait for the last has ended. */
  async #firstOf(
    nodes: readonly NodeDescription[],
    position: Replayed,
    deadline: number,
    call: Call,
  ): Promise<void> {
    let found = false;
    let asked = nodes.length;
    const isNeeded = () => !found && call.signal?.aborted !== true;
    await new Promise<void>((resolve) => {
      for (const { name } of nodes) {
        void this.#replay.until(name, position, deadline, isNeeded).then((has) => {
          found ||= has;
          asked--;
          if (found || asked === 0) resolve();
        });
      }
    });
  }

  #standbysThatHave(position: Replayed): readonly string[] {
    const { nodes } = this.#herd.topology;
    return nodes.map((node) => node.name).filter((name) => this.#replay.has(name, position));
  }

  /** Whether `work` was done in time. */
  async #before(until: number, work: Promise<unknown>): Promise<boolean> {
    const { clock } = this.#herd.settings;
    const done = work.then(() => true);
    return withLimit(clock, Math.max(1, until - clock.now()), done).catch(() => false);
  }
}

function isStrict({ target, fallback }: Demand): boolean {
  return STRICT.has(target) && (fallback === undefined || STRICT.has(fallback));
}
