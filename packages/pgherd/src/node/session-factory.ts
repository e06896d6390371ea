import type { ServerMessage } from '../connection/port.ts';
import { withinConnectTimeout } from '../dial/connect-timeout.ts';
import type { Connector } from '../dial/connector.ts';
import { messageOf } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { PoolFactory, PoolSettings } from '../pool/settings.ts';
import { withLimit } from '../time/wait.ts';
import { isStillReady } from '../topology/readiness.ts';
import { Session } from './session.ts';
import { SessionHooks } from './session-hooks.ts';
import { SessionListener, type SessionObserver } from './session-listener.ts';

/** Time a goodbye may take before the socket is destroyed, milliseconds. */
const GOODBYE_MS = 1_000;

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
  /** The connection of a session was closed: the pool must not hand it out. */
  lost(session: Session): void;
  warned(message: string): void;
}

/** Opens, validates and closes the sessions of one node's pool, and listens to their connections. */
export class SessionFactory implements PoolFactory<Session>, SessionObserver {
  readonly #ports: SessionFactoryPorts;
  readonly #hooks: SessionHooks;
  readonly #validateAfterMs: number;
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
    const { node, settings } = this.#ports;
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

  async #connect({ generation, role }: NodeDescription, signal: AbortSignal): Promise<Session> {
    const access: Access = role === 'standby' ? 'read-only' : 'read-write';
    const listener = new SessionListener(this, generation);
    await this.#hooks.beforeConnect(access, signal);
    const connection = await this.#ports.connector.connect(access, listener, signal);
    connection.setRef(false);
    const { node, settings } = this.#ports;
    const session = new Session(node, generation, connection, access, settings.reset, settings.clock.now());
    await this.#hooks.prepare(session, signal);
    listener.session = session;
    return session;
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
      if (!session.connection.closed) this.#ports.silent();
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
    const timer = this.#ports.settings.clock.schedule(GOODBYE_MS, () => connection.destroy());
    await connection.end().finally(() => timer.cancel());
  }

  parameter(generation: number, session: Session | undefined, name: string, value: string): void {
    this.#ports.parameter(generation, name, value);
    // A server that is fenced by its configuration shows it first on a busy connection; a probe confirms it.
    if (name === 'default_transaction_read_only' && session?.access === 'read-write') this.#ports.hint();
  }

  message(session: Session | undefined, message: ServerMessage): void {
    session?.noteMessage(message);
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
