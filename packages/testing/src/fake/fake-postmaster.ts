import { once } from 'node:events';
import net, { type Server, type Socket } from 'node:net';
import path from 'node:path';
import { type PortReservation, reservePorts } from '../process/ports.ts';
import { createUndo, type Undo } from '../undo.ts';
import { type WaitOptions, waitUntil } from '../wait.ts';
import type { FakeAction, FakePhase } from './actions.ts';
import { fillBacklog } from './backlog.ts';
import { FakeConnection, type FakeResponder } from './connection.ts';
import type { FakeFaultRule } from './fault.ts';
import type { FakeAuthentication } from './proof.ts';
import { type FakeFacts, FakeState, type ProbeRow } from './state.ts';
import type { FakeStatement } from './statement.ts';

/** How a fake postmaster is to behave; every fact can be changed later with {@link FakePostmaster.change}. */
export interface FakeScript extends Partial<FakeFacts> {
  /** Default: trust. */
  readonly authentication?: FakeAuthentication | undefined;
  /** Faults from the beginning on. */
  readonly faults?: readonly FakeFaultRule[] | undefined;
  /** Answers statements; what it gives `undefined` for is answered in the ordinary way. */
  readonly respond?: FakeResponder | undefined;
  /** Directory for a Unix socket besides the TCP port, `.s.PGSQL.` and the port. Default: none. */
  readonly socketDirectory?: string | undefined;
}

/** A fault that is set. `undo()` removes it, and lets connections go on that it has silenced. */
export interface FakeFault extends Undo {
  /** How often it has struck. */
  readonly hits: number;
}

/** A request to cancel, as it came. */
export interface FakeCancel {
  readonly pid: number;
  readonly secretKey: number;
  /** The connection it is meant for; `undefined` where process id and key belong to none. */
  readonly connection: FakeConnection | undefined;
}

interface SetFault {
  readonly rule: FakeFaultRule;
  readonly struck: Set<FakeConnection>;
  hits: number;
}

/**
 * A server on 127.0.0.1 that speaks PostgreSQL's protocol 3.0 to any driver, without a database behind it: it says of itself
 * what the script says, answers probes accordingly, and fails as the script says at any moment of a connection.
 */
export class FakePostmaster implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #script: FakeScript;
  readonly #reservation: PortReservation;
  readonly #state: FakeState;
  readonly #connections: FakeConnection[] = [];
  readonly #cancels: FakeCancel[] = [];
  readonly #faults = new Set<SetFault>();
  readonly #rewrites = new Set<(row: ProbeRow) => ProbeRow>();
  #servers: Server[] = [];
  #backlog: (() => Promise<void>) | undefined;

  /** @internal */
  constructor(script: FakeScript, reservation: PortReservation) {
    const { authentication, faults, respond, socketDirectory, ...facts } = script;
    this.#script = { authentication, respond, socketDirectory };
    this.#reservation = reservation;
    this.port = reservation.ports[0] ?? 0;
    this.#state = new FakeState(facts);
    for (const rule of faults ?? []) this.fault(rule);
  }

  /** `host:port`, as clients name it. */
  get name(): string {
    return `${this.host}:${this.port}`;
  }

  /** A connection string for role and database `app`; with the password where one is asked for. */
  get url(): string {
    const auth = this.#script.authentication;
    const password =
      auth === undefined || auth.method === 'trust' ? '' : `:${encodeURIComponent(auth.password)}`;
    return `postgres://app${password}@${this.name}/app`;
  }

  /** What it says of itself now. */
  get facts(): FakeFacts {
    return this.#state.facts;
  }

  /** All connections there ever were, oldest first. */
  get connections(): readonly FakeConnection[] {
    return this.#connections;
  }

  /** Connections that are open. */
  get open(): readonly FakeConnection[] {
    return this.#connections.filter((connection) => connection.ended === undefined);
  }

  /** Statements of all connections; on one connection in their order. */
  get statements(): readonly FakeStatement[] {
    return this.#connections.flatMap((connection) => connection.statements);
  }

  /** Requests to cancel, oldest first. */
  get cancels(): readonly FakeCancel[] {
    return this.#cancels;
  }

  /** Says something else of itself from now on. Open sessions get changed parameters with their next reply. */
  change(facts: Partial<FakeFacts>): void {
    this.#state.change(facts);
  }

  /** Changes every row that a probe gets: columns can be altered, removed and added. */
  rewriteProbes(rewrite: (row: ProbeRow) => ProbeRow): Undo {
    this.#rewrites.add(rewrite);
    return createUndo(async () => void this.#rewrites.delete(rewrite));
  }

  /** Fails at a phase from now on. Of several faults that are due the one set first strikes. */
  fault(rule: FakeFaultRule): FakeFault {
    const fault: SetFault = { rule, struck: new Set(), hits: 0 };
    this.#faults.add(fault);
    const undo = createUndo(async () => {
      this.#faults.delete(fault);
      for (const connection of fault.struck) connection.resume();
    });
    return Object.freeze({
      ...undo,
      get hits(): number {
        return fault.hits;
      },
    });
  }

  /** Does something now on every open connection, or on those that `where` takes. */
  act(action: FakeAction, where: (connection: FakeConnection) => boolean = () => true): void {
    for (const connection of this.open) if (where(connection)) connection.act(action);
  }

  /** Ends the silence of every connection that was silenced. */
  resume(): void {
    for (const connection of this.open) connection.resume();
  }

  /** As a server that is killed: open connections are reset, new ones refused, until undone. */
  async refuse(): Promise<Undo> {
    await this.#stopListening();
    this.act({ kind: 'reset' });
    return createUndo(() => this.listen());
  }

  /** As a host that drops packets: attempts to connect hang, until undone. Open connections stay. */
  async acceptNobody(): Promise<Undo> {
    await this.#stopListening();
    this.#backlog = await fillBacklog(this.port);
    return createUndo(async () => {
      await this.#endBacklog();
      await this.listen();
    });
  }

  /** Asks until `fn` gives something truthy, and gives that; see {@link waitUntil}. */
  waitFor<T>(fn: (fake: FakePostmaster) => T | Promise<T>, options?: WaitOptions): Promise<T> {
    return waitUntil(() => fn(this), options);
  }

  /** Ends everything: listeners, connections, the reservation of the port. A second call does nothing more. */
  async close(): Promise<void> {
    await this.#endBacklog();
    const stopped = this.#stopListening();
    await Promise.all(this.#connections.map((connection) => connection.destroy()));
    await stopped;
    this.#reservation.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Begins to accept connections. */
  async listen(): Promise<void> {
    if (this.#servers.length > 0) return;
    this.#servers = [await this.#listenAt({ port: this.port, host: this.host })];
    const { socketDirectory } = this.#script;
    if (socketDirectory === undefined) return;
    const socketPath = path.join(socketDirectory, `.s.PGSQL.${this.port}`);
    this.#servers.push(await this.#listenAt({ path: socketPath }));
  }

  async #listenAt(where: net.ListenOptions): Promise<Server> {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    server.listen(where);
    await once(server, 'listening');
    return server;
  }

  /** No connection is accepted any more; open connections stay, so that their end is not waited for. */
  async #stopListening(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.close();
  }

  async #endBacklog(): Promise<void> {
    const end = this.#backlog;
    this.#backlog = undefined;
    await end?.();
  }

  #accept(socket: Socket): void {
    const pid = 1_000 + this.#connections.length;
    const connection = new FakeConnection(pid, socket, {
      state: this.#state,
      authentication: this.#script.authentication ?? { method: 'trust' },
      respond: this.#script.respond,
      rewriteProbe: (row) => [...this.#rewrites].reduce((result, rewrite) => rewrite(result), row),
      due: (phase, from, statement, row) => this.#due(phase, from, statement, row),
      cancel: (id, secretKey) => this.#cancel(id, secretKey),
    });
    this.#connections.push(connection);
  }

  #due(
    phase: FakePhase,
    connection: FakeConnection,
    statement: FakeStatement | undefined,
    row: number,
  ): FakeAction | undefined {
    for (const fault of this.#faults) {
      const { at, afterRows = 0, times = Number.POSITIVE_INFINITY, when } = fault.rule;
      if (at !== phase || fault.hits >= times || (phase === 'row' && row !== afterRows)) continue;
      if (when !== undefined && !when(connection, statement)) continue;
      fault.hits += 1;
      fault.struck.add(connection);
      return fault.rule.do;
    }
    return undefined;
  }

  #cancel(pid: number, secretKey: number): void {
    const connection = this.open.find((one) => one.pid === pid && one.secretKey === secretKey);
    this.#cancels.push({ pid, secretKey, connection });
    connection?.cancel();
  }
}

/**
 * Starts a fake postmaster on a free port of 127.0.0.1.
 *
 * @throws {@link TestClusterError} when there is no free port.
 * @example
 * await using standby = await createFakePostmaster({ role: 'standby', version: '16.9' });
 * standby.fault({ at: 'row', afterRows: 2, do: { kind: 'reset' } });
 */
export async function createFakePostmaster(script: FakeScript = {}): Promise<FakePostmaster> {
  const reservation = await reservePorts(1);
  const fake = new FakePostmaster(script, reservation);
  try {
    await fake.listen();
    return fake;
  } catch (error) {
    reservation.release();
    throw error;
  }
}
