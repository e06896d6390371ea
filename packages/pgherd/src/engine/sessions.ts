import type { Call, Search } from '../call/call.ts';
import { abortedError, timedOut, waitTimedOut } from '../call/failures.ts';
import type { Causal } from '../causal/causal.ts';
import type { Herd } from '../herd/herd.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { Redirected } from '../pool/failures.ts';
import { withinCall } from '../recovery/within.ts';
import { classifyError } from '../retry/classify.ts';
import { isNodeFailure } from '../retry/node-failure.ts';
import { onLeaseFailure } from '../retry/on-lease-failure.ts';
import { chooseNode } from '../routing/choose.ts';
import type { NodeLoad, PolicyContext } from '../routing/policies.ts';
import type { Demand, Selection } from '../routing/select.ts';
import { earliest, isPast } from '../time/deadline.ts';
import type { HeldLeases } from './held.ts';

/** Pause before a node whose pool could not connect is tried again by the same call, milliseconds. */
const RECONNECT_PAUSE_MS = 50;

/** How a session is given back. */
export interface SessionEnds {
  release(session: Session): void;
  discard(session: Session, reason: string): void;
}

/** Finds sessions for calls: the node that the policy picks, and a connection of it. */
export class Sessions {
  readonly #herd: Herd;
  readonly #causal: Causal;
  readonly #held: HeldLeases;
  readonly #ends: SessionEnds;
  readonly #policyContext: PolicyContext;
  #picks = 0;

  constructor(herd: Herd, causal: Causal, held: HeldLeases, ends: SessionEnds) {
    this.#herd = herd;
    this.#causal = causal;
    this.#held = held;
    this.#ends = ends;
    this.#policyContext = Object.freeze({
      load: (name: string) => herd.nodes.get(name)?.load ?? NO_LOAD,
      random: () => herd.settings.random.next(),
    });
  }

  /** A session on a node that suits, as soon as there is one; `picked` is tried first, `lostOn` after a pause. */
  async acquire(given: Call, picked?: LiveNode, lostOn = NONE): Promise<Session> {
    const call = this.#causal.concerns(given) ? await this.#causal.route(given) : given;
    const look = (node: LiveNode, search: Search) => this.lease(node, call, search);
    return this.search(call, look, picked, this.#newSearch(call, lostOn));
  }

  /** What `look` finds on one of the nodes that suit, as soon as there is one; `picked` is tried first. */
  async search<T>(
    call: Call,
    look: (node: LiveNode, search: Search) => Promise<T | undefined> | T | undefined,
    picked: LiveNode | undefined,
    search: Search,
  ): Promise<T> {
    const { clock } = this.#herd.settings;
    const { startedAt, deadline } = search;
    let first = picked;
    this.#herd.start();
    for (;;) {
      this.#herd.assertReachable();
      if (call.signal?.aborted) throw abortedError(call.signal);
      const node = first ?? this.pick(call.demand, search.avoid);
      first = undefined;
      const found = node === undefined ? undefined : await look(node, search);
      if (found !== undefined) return found;
      if (node !== undefined) continue;
      // Waiting for a connection that the caller holds itself would end at the deadline only.
      if (search.deadlock !== undefined) throw search.deadlock;
      const { avoid, refusals } = search;
      if (this.#herd.isHopeless(call.demand))
        throw this.#herd.noNodeError(call.demand, clock.now() - startedAt, refusals);
      const until = avoid.size === 0 ? deadline : earliest(deadline, clock.now() + RECONNECT_PAUSE_MS);
      await this.#herd.changed(until, call.signal, call.demand);
      if (isPast(deadline, clock.now())) {
        const error = this.#herd.noNodeError(call.demand, clock.now() - startedAt, refusals);
        throw waitTimedOut(error, call, deadline, clock.now());
      }
      avoid.clear();
    }
  }

  #newSearch(call: Call, lostOn: ReadonlySet<string>): Search {
    const { clock, waitTimeoutMs } = this.#herd.settings;
    const startedAt = clock.now();
    const deadline = earliest(call.deadline, startedAt + waitTimeoutMs);
    return { startedAt, deadline, avoid: new Set(lostOn), refusals: new Map() };
  }

  /**
   * The path of nearly every call: a suitable node is known and has an idle connection of the right access. `untested`: also one that would
   * be validated first.
   */
  acquireAtOnce(node: LiveNode | undefined, call: Call, now?: number, untested = false): Session | undefined {
    if (node === undefined) return undefined;
    const access = node.accessFor(call);
    const session = node.pool.tryAcquire(SUITS[access], now, untested);
    if (session === undefined) return undefined;
    if (!session.suits(access)) {
      this.#ends.release(session);
      return undefined;
    }
    this.hand(session, call, now);
    return session;
  }

  /** One choice for each call: a policy that takes turns must not be asked twice. */
  pickAtOnce(call: Call, lostOn: ReadonlySet<string>): LiveNode | undefined {
    return call.signal?.aborted === true || this.#herd.isClosed ? undefined : this.pick(call.demand, lostOn);
  }

  /** A call gets a session that suits its access. */
  hand(session: Session, call: Call, now = this.#herd.settings.clock.now()): void {
    const access = this.#accessOn(session, call);
    session.lease(access, now, call.scope);
    if (access === 'read-write') this.#herd.noteWriter(session.node);
  }

  /** The node that the policy picks of those that suit `demand` best, without those to avoid. */
  pick(demand: Demand, avoid: ReadonlySet<string> = NONE): LiveNode | undefined {
    const herd = this.#herd;
    const { tiers } = herd.select(demand);
    const picked = chooseNode(tiers, avoid, herd.settings.policy, this.#policyContext);
    return this.#liveNode(herd.returning.any ? this.#eased(picked, tiers, avoid) : picked);
  }

  /** A node that has just come back passes a part of its calls on to the others of its tier. */
  #eased(
    picked: NodeDescription | undefined,
    tiers: Selection['tiers'],
    avoid: ReadonlySet<string>,
  ): NodeDescription | undefined {
    const tier = picked === undefined ? undefined : tiers.find((nodes) => nodes.includes(picked));
    if (picked === undefined || tier === undefined || tier.length === 1) return picked;
    if (this.#herd.returning.keeps(picked.name)) return picked;
    // It has had its turn, for policies that go by that.
    this.#picks++;
    this.#herd.nodes.get(picked.name)?.notePick(this.#picks);
    const others = new Set(avoid).add(picked.name);
    return chooseNode([tier], others, this.#herd.settings.policy, this.#policyContext) ?? picked;
  }

  #liveNode(picked: NodeDescription | undefined): LiveNode | undefined {
    const node = picked === undefined ? undefined : this.#herd.nodes.get(picked.name);
    if (node === undefined) return undefined;
    this.#picks++;
    node.notePick(this.#picks);
    return node;
  }

  /** Whether several nodes suit `demand` best. */
  hasOthers(demand: Demand): boolean {
    return (this.#herd.select(demand).tiers[0]?.length ?? 0) > 1;
  }

  /** As {@link pick}, of the nodes that suit best, without these; `undefined` if no other is left, or one of these does not suit best. */
  pickBeside(demand: Demand, nodes: ReadonlySet<string>): LiveNode | undefined {
    const [tier] = this.#herd.select(demand).tiers;
    if (tier === undefined) return undefined;
    for (const name of nodes) if (!tier.some((node) => node.name === name)) return undefined;
    return this.#liveNode(chooseNode([tier], nodes, this.#herd.settings.policy, this.#policyContext));
  }

  /** A session of this node, ready for the call; `undefined` if another node must be looked for. */
  async lease(node: LiveNode, call: Call, search: Search): Promise<Session | undefined> {
    const { deadline } = search;
    const prefer = SUITS[node.accessFor(call)];
    let session: Session;
    try {
      session =
        node.pool.tryAcquire(prefer) ??
        (await node.pool.acquire({
          deadline,
          signal: call.signal,
          prefer,
          held: this.#heldOf(node),
        }));
    } catch (error) {
      if (error instanceof Redirected) return undefined;
      this.noteRefusal(error, node.name, call, search);
      return undefined;
    }
    // The picture may have changed while we waited: what was suitable may have been fenced meanwhile.
    if (session.connection.closed || !this.#herd.stillSuits(node.name, call.demand)) {
      this.#ends.release(session);
      return undefined;
    }
    return this.prepare(session, call);
  }

  /** Remembers why the node is avoided, or throws what is the caller's business. */
  noteRefusal(error: unknown, name: string, call: Call, search: Search): void {
    const outcome = onLeaseFailure(error, search.refusals.has(name));
    switch (outcome) {
      case 'raise':
        throw error;
      case 'time-out':
        if (!(error instanceof PgHerdError)) throw error;
        throw waitTimedOut(error, call, search.deadline, this.#herd.settings.clock.now());
      case 'deadlock':
        if (error instanceof PgHerdError) search.deadlock = error;
        break;
      case 'avoid':
        break;
      default:
        outcome satisfies never;
    }
    if (this.#herd.outliers !== undefined && isNodeFailure(error, classifyError(error)))
      this.#herd.outliers.noteFailure(name);
    search.avoid.add(name);
    // A refusal that is known already says more than the time that has passed.
    const isTimeout = error instanceof PgHerdError && error.code === 'PGHERD_WAIT_TIMEOUT';
    if (!isTimeout) search.refusals.set(name, messageOf(error));
  }

  /** How many of the node's connections the functions hold in which this call was made. */
  #heldOf(node: LiveNode): number {
    return this.#held.count((session) => node.pool.isLeased(session));
  }

  #accessOn({ node }: Session, call: Call): Access {
    return call.writesOnPrimary === true
      ? (this.#herd.nodes.get(node)?.accessFor(call) ?? call.access)
      : call.access;
  }

  /** Returns whether it was changed; if not, the session is gone. It counts as a statement: also one that is lost on the way is found out. */
  async #changeAccess(session: Session, access: Access, call: Call): Promise<boolean> {
    const inFlight = this.#herd.liveNodeOf(session)?.inFlight;
    const running = inFlight?.start();
    let isChanged = false;
    session.connection.setRef(true);
    try {
      await withinCall(session.setAccess(access), call, this.#herd.settings.clock, {
        late: (now) => timedOut(session.node, call, now),
        abandon: (error) => this.#ends.discard(session, error.message),
      });
      isChanged = true;
    } catch {
      this.#ends.discard(session, 'its access could not be changed');
    }
    if (running !== undefined) inFlight?.ended(running, isChanged);
    return isChanged;
  }

  /** Hands a session to a call, after changing its access if need be; `undefined` if that failed. */
  async prepare(session: Session, call: Call): Promise<Session | undefined> {
    const access = this.#accessOn(session, call);
    if (!session.suits(access)) {
      if (!(await this.#changeAccess(session, access, call))) return undefined;
      if (!this.#herd.stillSuits(session.node, call.demand)) {
        this.#ends.release(session);
        return undefined;
      }
    }
    this.hand(session, call);
    return session;
  }
}

/** Sessions that need no round trip first. */
const SUITS = Object.freeze({
  'read-write': (session: Session) => session.suits('read-write'),
  'read-only': (session: Session) => session.suits('read-only'),
});
const NONE: ReadonlySet<string> = new Set();
/** Of a node that is gone. */
const NO_LOAD: NodeLoad = Object.freeze({ inFlight: 0, idle: 0, ewmaMs: undefined, lastPick: 0 });
