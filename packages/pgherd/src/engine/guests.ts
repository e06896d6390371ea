import { beginCall, type Call, type CallOptions, prepareCall, type Search } from '../call/call.ts';
import { closedError } from '../call/failures.ts';
import type { TlsRequest } from '../connection/port.ts';
import type { Herd } from '../herd/herd.ts';
import type { PasswordOrigin } from '../login/credentials.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Guest } from '../node/guest-list.ts';
import type { GuestSession } from '../node/guest-session.ts';
import type { LiveNode } from '../node/live-node.ts';
import { causeChain } from '../retry/chain.ts';
import { classifyError } from '../retry/classify.ts';
import type { ErrorKind } from '../retry/rules.ts';
import type { Demand } from '../routing/select.ts';
import { earliest } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';
import type { CancelTarget } from '../wire/cancel.ts';
import { ServerError } from '../wire/content/server-error.ts';
import { Doubts, READ_ONLY_BY_DEFAULT } from './doubts.ts';
import type { Sessions } from './sessions.ts';

/** What a guest asks for. */
export interface GuestRequest {
  /** The node that it wants. */
  readonly routing: CallOptions;
  /** Startup parameters of its own, without user and database. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly guest: Guest;
  /** Longest wait for a node, ms. Default: the cluster's `waitTimeoutMs`. */
  readonly waitTimeoutMs?: number | undefined;
}

/** What a cluster says of itself to guests whose programs name servers and logins too. */
export interface GuestFacts {
  readonly user: string;
  readonly database: string;
  /** Hosts of the connection string, with those that are known by now; `undefined` if a discovery may name any. */
  readonly hosts: readonly KnownHost[] | undefined;
  readonly tls: Pick<TlsRequest, 'mode' | 'verify'>;
  readonly password: PasswordOrigin;
}

/** One host of a cluster, with all names that it has. */
export interface KnownHost {
  readonly names: readonly string[];
  readonly port: number;
}

/** A guest's session, with what the cluster knows of its node. */
export interface PlacedGuest extends GuestSession {
  /** Whether the node still is one that the guest asked for, by all that is known now. */
  suits(): boolean;
  /** Resolves when the node has been asked, which refused a write; `undefined` if it has not, or the guest does not write. */
  doubt(): Promise<void> | undefined;
}

/** What a cluster offers to guests: clients that speak themselves, on sessions that the cluster opens, watches and ends. */
export interface GuestPort {
  readonly clock: Clock;
  readonly user: string;
  readonly database: string;
  /** Longest message of a server that passes to a guest, bytes. */
  readonly maxMessageBytes: number;
  /** Whether the cluster routes statements by their text (`autoRoute`). */
  readonly routesByText: boolean;
  /**
   * A session on a node that suits, as soon as there is one. It is entered into the node's list of guests: from now on the guest may
   * be drained or buried.
   * @throws the server's refusal as it came; NoSuitableNodeError `PGHERD_NO_SUITABLE_NODE` after `waitTimeoutMs`; PgHerdError
   * `PGHERD_CLOSED`, `PGHERD_INVALID_ARGUMENT`; the signal's reason.
   */
  open(request: GuestRequest, signal: AbortSignal): Promise<PlacedGuest>;
  /** Passes a request to cancel on to the server that gave this key; a key that is not known is ignored, as servers do. */
  cancel(processId: number, secretKey: Buffer, signal: AbortSignal): Promise<void>;
  /** Throws for routing that cannot be used. */
  check(routing: CallOptions): void;
  /** What is known of the servers and the login. */
  facts(): GuestFacts;
  /** The only node other than `not` on which a guest has this process; `undefined` if it is on `not`, or if there is none. */
  nodeOf(processId: number, not: string | undefined): string | undefined;
  /** The error for a guest that gave up the wait for a node after so many milliseconds. */
  noNode(routing: CallOptions, waitedMs: number): Error;
}

/** Refusals that say something about the node at this moment: another node may do, or the same one later. */
const PASSING: ReadonlySet<ErrorKind> = new Set([
  'shutdown',
  'starting-up',
  'too-many-connections',
  'connection-lost',
]);

/** Finds nodes for guests and opens their sessions. */
export class GuestSessions implements GuestPort {
  readonly #herd: Herd;
  readonly #sessions: Sessions;
  readonly #keys = new Map<string, { readonly node: string; readonly target: CancelTarget }>();
  readonly #opening = new Set<AbortController>();
  readonly #doubts: Doubts;

  constructor(herd: Herd, sessions: Sessions) {
    this.#herd = herd;
    this.#sessions = sessions;
    this.#doubts = new Doubts(herd);
    herd.rest.keepAwake(() => this.#opening.size > 0);
    herd.events.on('node:role-changed', ({ node }) => this.#review(node));
  }

  get clock(): Clock {
    return this.#herd.settings.clock;
  }

  get user(): string {
    return this.#herd.settings.plan.user;
  }

  get database(): string {
    return this.#herd.settings.plan.database;
  }

  get maxMessageBytes(): number {
    return this.#herd.settings.maxMessageBytes;
  }

  get routesByText(): boolean {
    return this.#herd.settings.autoRoute !== undefined;
  }

  check(routing: CallOptions): void {
    prepareCall(routing, this.#herd.settings);
  }

  facts(): GuestFacts {
    const { plan, logins, discovery } = this.#herd.settings;
    const { user, database, tls, password } = logins.general;
    const hosts = plan.hosts.map(({ host, hostaddr, port }) => ({
      names: hostaddr === undefined ? [host] : [host, hostaddr],
      port,
    }));
    return { user, database, tls, password, hosts: discovery === undefined ? hosts : undefined };
  }

  nodeOf(processId: number, not: string | undefined): string | undefined {
    const nodes = [...this.#keys.values()].filter(({ target }) => target.processId === processId);
    const [first, ...others] = new Set(nodes.map(({ node }) => node));
    return others.length > 0 || first === not ? undefined : first;
  }

  noNode(routing: CallOptions, waitedMs: number): Error {
    const { demand } = prepareCall(routing, this.#herd.settings);
    return this.#herd.noNodeError(demand, waitedMs);
  }

  async open(request: GuestRequest, signal: AbortSignal): Promise<PlacedGuest> {
    const controller = new AbortController();
    const forget = onAbort(signal, () => controller.abort(signal.reason));
    this.#opening.add(controller);
    try {
      return await this.#search(request, controller);
    } finally {
      this.#opening.delete(controller);
      forget();
    }
  }

  /** Ends what is being opened: the cluster is closed. */
  stop(): void {
    for (const controller of this.#opening) controller.abort(closedError());
  }

  async cancel(processId: number, secretKey: Buffer, signal: AbortSignal): Promise<void> {
    const target = this.#keys.get(keyOf(processId, secretKey))?.target;
    if (target === undefined) return;
    const { requestCancel } = await import('../wire/cancel.ts');
    await requestCancel(target, signal);
  }

  async #search(request: GuestRequest, controller: AbortController): Promise<PlacedGuest> {
    const { settings } = this.#herd;
    const { signal } = controller;
    const startedAt = this.clock.now();
    const prepared = prepareCall({ ...request.routing, signal }, settings);
    const call = beginCall(prepared, startedAt, settings.random);
    const deadline = earliest(call.deadline, startedAt + (request.waitTimeoutMs ?? settings.waitTimeoutMs));
    const search: Search = { startedAt, deadline, avoid: new Set(), refusals: new Map() };
    const late = () =>
      controller.abort(this.#herd.noNodeError(call.demand, this.clock.now() - startedAt, search.refusals));
    const timer = this.clock.schedule(deadline - startedAt, late);
    let refused: unknown;
    const look = async (node: LiveNode) => {
      try {
        return await this.#openAt(node, call, request, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof ServerError && !PASSING.has(classifyError(error).kind)) throw error;
        refused = error;
        search.avoid.add(node.name);
        search.refusals.set(node.name, messageOf(error));
        return undefined;
      }
    };
    try {
      return await this.#sessions.search(call, look, undefined, search);
    } catch (error) {
      throw asTheServerSaid(signal.aborted ? signal.reason : error, refused);
    } finally {
      timer.cancel();
    }
  }

  /** `undefined` if the node turned out not to suit. */
  async #openAt(
    node: LiveNode,
    call: Call,
    { parameters, guest }: GuestRequest,
    signal: AbortSignal,
  ): Promise<PlacedGuest | undefined> {
    const access = node.accessFor(call);
    const session = await node.openGuest(access, parameters, signal);
    const { socket, processId, secretKey } = session.session;
    if (access === 'read-write') await this.#doubts.about(node.name);
    if (signal.aborted || socket.destroyed || !this.#herd.stillSuits(node.name, call.demand)) {
      socket.destroy();
      session.ended('did not suit', false);
      signal.throwIfAborted();
      return undefined;
    }
    node.guests.add(guest, call.demand, access);
    if (access === 'read-write') this.#herd.noteWriter(node.name);
    const key = processId === undefined || secretKey === undefined ? undefined : keyOf(processId, secretKey);
    if (key !== undefined && session.cancel !== undefined)
      this.#keys.set(key, { node: node.name, target: session.cancel });
    const ended = (reason: string, byItself: boolean) => {
      node.guests.remove(guest);
      if (key !== undefined) this.#keys.delete(key);
      session.ended(reason, byItself);
    };
    const suits = this.#suitsNow(node.name, call.demand);
    if (access === 'read-only') return { ...session, ended, suits, doubt: () => undefined };
    return { ...session, ended, suits, ...this.#refusals(node, session) };
  }

  /** A session that was read-only from its beginning, by a setting of its role or of its own, says nothing of the node. */
  #refusals(
    node: LiveNode,
    { session, parameter, hint }: GuestSession,
  ): Pick<PlacedGuest, 'refused' | 'parameter' | 'doubt'> {
    const isOn = (value: string | undefined) => value === 'on';
    const isUsual = !isOn(session.parameters.get(READ_ONLY_BY_DEFAULT));
    const shown = { readOnlyByDefault: !isUsual };
    const raise = () => (isUsual ? this.#doubts.raise(node, shown) : hint());
    return {
      refused: raise,
      parameter: (name, value) => {
        parameter(name, value);
        if (name !== READ_ONLY_BY_DEFAULT) return;
        shown.readOnlyByDefault = isOn(value);
        if (shown.readOnlyByDefault) raise();
      },
      doubt: () => this.#doubts.about(node.name),
    };
  }

  /** Whether a node suits; judged anew when the picture changes, since it is asked for each use of a connection. */
  #suitsNow(node: string, demand: Demand): () => boolean {
    let judged: TopologyDescription | undefined;
    let suits = false;
    return () => {
      const { topology } = this.#herd;
      if (topology !== judged) {
        judged = topology;
        suits = this.#herd.stillSuits(node, demand);
      }
      return suits;
    };
  }

  /** A guest stays where it is while its node keeps its role; then it moves to where a new one would go. */
  #review(name: string): void {
    const node = this.#herd.nodes.get(name);
    if (node === undefined || node.guests.count === 0) return;
    const suits = (demand: Demand) =>
      this.#herd.select(demand).tiers[0]?.some((one) => one.name === name) === true;
    node.guests.drain(`${name} has another role now`, (demand) => !suits(demand));
  }
}

function keyOf(processId: number, secretKey: Buffer): string {
  return `${processId} ${secretKey.toString('hex')}`;
}

/**
 * The error for the guest. Where a server refused the session, its own words count: clients look at the SQLSTATE. Where no node was
 * found for other reasons, ours count, which say what is wrong with each.
 */
function asTheServerSaid(error: unknown, refused: unknown): unknown {
  const code = error instanceof PgHerdError ? error.code : undefined;
  if (code === 'PGHERD_NO_SUITABLE_NODE') return serverErrorIn(refused) ?? error;
  return code !== undefined && LASTING.has(code) ? (serverErrorIn(error) ?? error) : error;
}

/** No node can be used, for reasons that time does not change. */
const LASTING: ReadonlySet<string> = new Set([
  'PGHERD_AUTHENTICATION_FAILED',
  'PGHERD_DATABASE_MISSING',
  'PGHERD_CONNECT_FAILED',
]);

function serverErrorIn(error: unknown): ServerError | undefined {
  return causeChain(error).find((link) => link instanceof ServerError);
}
