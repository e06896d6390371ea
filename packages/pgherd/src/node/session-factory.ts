import type { ConnectionListener, DriverConnection, ServerMessage } from '../connection/port.ts';
import { withinConnectTimeout } from '../dial/connect-timeout.ts';
import type { Connector } from '../dial/connector.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { PoolFactory, PoolSettings } from '../pool/settings.ts';
import { withLimit } from '../time/wait.ts';
import { isStillReady } from '../topology/readiness.ts';
import { askStart, type ShownStart } from './identify.ts';
import { Session } from './session.ts';
import { SessionHooks } from './session-hooks.ts';
import { SessionListener, type SessionObserver } from './session-listener.ts';

/** Time a goodbye may take before the socket is destroyed, milliseconds. */
const GOODBYE_MS = 1_000;
/** Severities of messages that are no errors. */
const NOTICES: ReadonlySet<string> = new Set(['WARNING', 'NOTICE', 'DEBUG', 'INFO', 'LOG']);
const OUTDATED = 'was opened without regard to the pooler before its server';
const LATE = 'its server did not say in time when it was started (connectTimeoutMs)';

/**
 * Which server a connection may lead to. Any, if it was already known when it was opened that several answer there: what was sent on it
 * before it showed its server was then sent to any of them.
 */
type ExpectedServer = 'the one that is known' | 'any';

/** What the sessions of a node need from it. */
export interface SessionFactoryPorts {
  readonly node: string;
  readonly settings: ClusterSettings;
  readonly connector: Connector;
  /** The node in the current picture. */
  describe(): NodeDescription;
  /** ParameterStatus on any of the connections. */
  parameter(generation: number, name: string, value: string): void;
  /** Has the node probed at once. */
  hint(): void;
  opened(durationMs: number): void;
  failed(error: unknown): void;
  closed(reason: string): void;
  /** What was sent on one of the connections was not answered in time. */
  silent(): void;
  /** A connection was given up, and the server has not said that it knows. */
  leftBehind(session: Session): void;
  /** A connection of this generation showed when its server was started. */
  showed(generation: number, startedAt: string): void;
  /** Ends a session that must not be used; the pool forgets it. */
  discard(session: Session, reason: string): void;
  /** The first connection of the monitor, if it is to be had: it then reports to this listener. */
  takeOver(listener: ConnectionListener): DriverConnection | undefined;
  /** The connection of a session was closed: the pool must not hand it out. */
  lost(session: Session): void;
  /** The server sent a message that is no error. */
  noticed(message: ServerMessage): void;
  warned(message: string): void;
}

/** Opens, validates and closes the sessions of one node's pool, and listens to their connections. */
export class SessionFactory implements PoolFactory<Session>, SessionObserver {
  readonly #ports: SessionFactoryPorts;
  readonly #hooks: SessionHooks;
  readonly #validateAfterMs: number;
  /** Whether the node did not say when it was started. */
  #isWithheld = false;
  /** Runs the hook afterRelease, if there is one. */
  readonly returned: PoolFactory<Session>['returned'];

  constructor(ports: SessionFactoryPorts, { validateAfterMs }: PoolSettings) {
    this.#ports = ports;
    this.#validateAfterMs = validateAfterMs;
    this.#hooks = new SessionHooks({
      node: ports.node,
      settings: ports.settings,
      isBehindPooler: () => ports.connector.behindPooler,
      warned: (message) => ports.warned(message),
    });
    this.returned = this.#hooks.refusalAfterUse;
  }

  async open(signal: AbortSignal): Promise<Session> {
    const { connector, node, settings } = this.#ports;
    connector.assertLetsIn();
    const description = this.#ports.describe();
    const startedAt = settings.clock.now();
    try {
      const opened = await withinConnectTimeout(node, settings, signal, (limited) =>
        this.#connect(description, limited),
      );
      this.#ports.opened(settings.clock.now() - startedAt);
      return opened;
    } catch (error) {
      this.#ports.hint();
      this.#ports.failed(error);
      throw error;
    }
  }

  async #connect(
    { generation, role, postmasterStartedAt, several }: NodeDescription,
    signal: AbortSignal,
  ): Promise<Session> {
    const { connector, node, settings } = this.#ports;
    // Behind a pooler each transaction may run on another server: no answer would hold for the next one.
    const canTell = postmasterStartedAt !== undefined && !this.#isWithheld && !connector.behindPooler;
    const listener = new SessionListener(this, generation, canTell);
    const first = this.#ports.takeOver(listener);
    // What role the node has was not known when the first one was opened.
    const access: Access = role === 'standby' && first === undefined ? 'read-only' : 'read-write';
    const connection = first ?? (await this.#dial(access, listener, signal));
    connection.setRef(false);
    const session = new Session(node, generation, connection, access, settings.reset, settings.clock.now());
    // The first one leads where the node's own answers come from.
    if (canTell && first === undefined)
      this.#lookAt(session, listener, several === undefined ? 'the one that is known' : 'any');
    else {
      listener.believe();
      session.openedAtThere = connector.clockUsOn(connection);
    }
    await this.#hooks.prepare(session, signal);
    if (session.retired !== undefined) throw elsewhere(node, session.retired);
    listener.session = session;
    return session;
  }

  /** Finds out whether the session's server is the node's. If it is not, the session ends before anything else is answered on it. */
  #lookAt(session: Session, listener: SessionListener, expects: ExpectedServer): void {
    const { clock, connectTimeoutMs } = this.#ports.settings;
    session.beginLooking();
    const timer = clock.schedule(connectTimeoutMs, () => this.#rejects(session, LATE), { ref: false });
    askStart(session.connection, (shown) => {
      timer.cancel();
      const refusal = this.#refusalOf(session, shown, expects);
      if (refusal !== undefined) {
        this.#rejects(session, refusal);
        return;
      }
      listener.believe();
      session.endLooking();
    });
  }

  #refusalOf(session: Session, shown: ShownStart, expects: ExpectedServer): string | undefined {
    if (shown.kind === 'failed')
      return `its server could not be asked for its start: ${messageOf(shown.error)}`;
    if (shown.kind === 'withheld') {
      this.#noteWithheld(shown.reason);
      return undefined;
    }
    const { backendPid, startedAt } = shown;
    session.openedAtThere = shown.clockUs;
    const known = this.#ports.describe().postmasterStartedAt;
    this.#ports.showed(session.generation, startedAt);
    const served = this.#ports.connector.served(session.connection, {
      backendPid,
      postmasterStartedAt: startedAt,
    });
    if (served === 'outdated') return OUTDATED;
    if (served === 'look-again') this.#ports.hint();
    const isExpected = expects === 'any' || known === undefined || known === startedAt;
    return isExpected ? undefined : 'leads to another server than the node';
  }

  #noteWithheld(reason: string): void {
    if (this.#isWithheld) return;
    this.#isWithheld = true;
    this.#ports.warned(
      `${this.#ports.node} tells its monitor when it was started, but not the pool (${reason}): a connection that leads to ` +
        'another server cannot be found out.',
    );
  }

  #rejects(session: Session, reason: string): void {
    session.retire(reason);
    session.endLooking(elsewhere(this.#ports.node, reason));
    this.#ports.discard(session, reason);
    session.connection.destroy();
  }

  async #dial(access: Access, listener: SessionListener, signal: AbortSignal): Promise<DriverConnection> {
    await this.#hooks.beforeConnect(access, signal);
    return this.#ports.connector.connect(access, listener, signal);
  }

  async validate(session: Session, idleMs: number): Promise<string | undefined> {
    const isAlive = idleMs < this.#validateAfterMs || (await this.#isAlive(session));
    return isAlive ? this.#hooks.refusalBeforeUse(session) : 'failed its validation';
  }

  async #isAlive(session: Session): Promise<boolean> {
    const { clock, probe } = this.#ports.settings;
    if (isStillReady(session.takePreparedAt(), this.#ports.describe().seenAt, clock.now())) return true;
    try {
      await withLimit(clock, probe.timeoutMs, session.connection.simple('SELECT 1'));
    } catch (error) {
      if (!session.connection.closed) {
        this.#ports.silent();
        this.#ports.leftBehind(session);
      }
      throw error;
    }
    return session.connection.status === 'idle';
  }

  close(session: Session, reason: string): void {
    if (this.#leaves(session, reason)) void this.#sayGoodbye(session, reason);
  }

  destroy(session: Session, reason: string): void {
    if (this.#leaves(session, reason)) session.connection.destroy();
  }

  /** Marks that we end the session. Returns `false` if it has ended already. */
  #leaves(session: Session, reason: string): boolean {
    if (session.connection.closed) return false;
    session.leave();
    this.#ports.closed(reason);
    return true;
  }

  async #sayGoodbye(session: Session, reason: string): Promise<void> {
    const { connection } = session;
    await this.#hooks.beforeClose(session, reason);
    const timer = this.#ports.settings.clock.schedule(GOODBYE_MS, () => {
      connection.destroy();
      this.#ports.leftBehind(session);
    });
    await connection.end().finally(() => timer.cancel());
  }

  parameter(generation: number, session: Session | undefined, name: string, value: string): void {
    this.#ports.parameter(generation, name, value);
    // A server that is fenced by its configuration shows it first on a busy connection; a probe confirms it.
    if (name === 'default_transaction_read_only' && session?.access === 'read-write') this.#ports.hint();
  }

  message(session: Session | undefined, message: ServerMessage): void {
    session?.noteMessage(message);
    if (NOTICES.has(message.severity)) this.#ports.noticed(message);
    if (message.severity !== 'NOTICE' && message.sqlState.startsWith('57P')) this.#ports.hint();
  }

  /**
   * The connection is closed. If we did not close it, the monitor finds out whether the whole node is gone.
   */
  closed(session: Session, error: unknown): void {
    this.#ports.lost(session);
    if (session.leaving) return;
    this.#ports.closed(messageOf(error));
    this.#ports.hint();
  }
}

function elsewhere(node: string, reason: string): PgHerdError {
  return new PgHerdError('PGHERD_CONNECTION_LOST', `A new connection to ${node} ${reason}.`, {
    details: { node, phase: 'not-handed' },
  });
}
