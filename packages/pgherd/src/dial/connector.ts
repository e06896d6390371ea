import { isIP } from 'node:net';
import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import { messageOf } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { MonitorDial } from '../monitor/first-connection.ts';
import { Backends, type ServedBy } from '../pooler/backends.ts';
import { examine, type Route, type RouteEvidence, routeAfter } from '../pooler/detect.ts';
import { fromPooler, refusesStartupParameters } from '../pooler/errors.ts';
import { localSettings, localSettingsText } from '../pooler/local-settings.ts';
import { PoolerConnection } from '../pooler/pooler-connection.ts';
import { onAbort } from '../time/wait.ts';
import type { OpenedSession } from '../wire/login/open.ts';
import { type Dial, Dialer, type DialerPorts } from './dialer.ts';
import { firstOf } from './first-of.ts';
import { HeldListener } from './held-listener.ts';
import { LoginGate } from './login-gate.ts';
import { MonitorConnections } from './monitor-connections.ts';

/**
 * When the next connection to a pooler is tried while the first still waits for its server, milliseconds.
 * PgBouncer keeps waiting the clients that came before it noticed that its server is gone, and refuses those
 * that come later.
 */
const LATER_ATTEMPTS_MS: readonly number[] = [100, 400];

/** What a connector needs from the node it connects to. */
export interface ConnectorPorts extends DialerPorts {
  /** The connections that are open differ from those that are opened from now on, and should be replaced. */
  outdated(reason: string): void;
  /** Reports something that the operator should know. */
  warned(message: string): void;
  /** Logins are refused, for another reason or once more, or accepted again. */
  loginsChanged(): void;
  /** The monitor is connected to this address of the node's name; `undefined` if it could not be connected. */
  reached(address: string | undefined): void;
}

/** What a connection is for and where it goes, before it is decided whether a pooler is expected. */
type Purpose = Omit<Dial, 'behindPooler'>;

const MONITOR: Purpose = Object.freeze({ access: 'read-write', purpose: 'monitor', hostaddr: undefined });

/** A connection that is only opened to see whether it can be. */
const SILENT: ConnectionListener = Object.freeze({
  parameter: () => undefined,
  message: () => undefined,
  closed: () => undefined,
});

interface Clocked {
  /** The server's clock, microseconds since 1970. */
  readonly clockUs?: string | undefined;
}

/** A connection whose listener hears nothing yet. */
interface Unheard {
  readonly connection: DriverConnection;
  readonly held: HeldListener;
}

/**
 * Opens the connections to one node. It remembers what was learnt about the route: whether there is a pooler
 * before the server, and to which of the addresses of its name the monitor is connected.
 */
export class Connector {
  readonly #ports: ConnectorPorts;
  readonly #dialer: Dialer;
  readonly #monitors = new MonitorConnections();
  readonly #backends = new Backends();
  /** What the server's clock showed when a connection of the monitor was first used. */
  readonly #clocksUs = new WeakMap<DriverConnection, string>();
  /** Whether logins are refused. */
  readonly gate: LoginGate;
  #route: Route;

  constructor(ports: ConnectorPorts) {
    this.#ports = ports;
    this.#dialer = new Dialer(ports);
    this.gate = new LoginGate(() => ports.loginsChanged());
    this.#route = ports.settings.route;
  }

  /** Where connections lead, as far as is known. */
  get route(): Route {
    return this.#route;
  }

  /** Whether connections lead to a pooler in transaction mode, as far as is known. */
  get behindPooler(): boolean {
    return this.#route === 'pooler';
  }

  /** Whether the server knows a connection by the process number that was reported when it was opened, as far as is known. */
  get namesBackends(): boolean {
    return !this.behindPooler && !this.#backends.areMasked;
  }

  /**
   * Takes note of the process that has answered on a connection: `outdated` if the connection was opened without regard to a pooler that is
   * known now, `look-again` if the same process has answered elsewhere.
   */
  served(connection: DriverConnection, by: ServedBy & Clocked): 'as-known' | 'look-again' | 'outdated' {
    if (by.clockUs !== undefined && !this.#clocksUs.has(connection))
      this.#clocksUs.set(connection, by.clockUs);
    if (this.behindPooler) return connection.perTransaction === undefined ? 'outdated' : 'as-known';
    const finding = this.#backends.noted(connection, by);
    if (finding.kind === 'nothing') return 'as-known';
    if (finding.kind === 'look-again') return 'look-again';
    this.#learn('proof', finding.shown);
    return 'outdated';
  }

  /** What the server's clock showed when the monitor first used a connection, microseconds since 1970; `undefined` if it has not. */
  clockUsOn(connection: DriverConnection): string | undefined {
    return this.#clocksUs.get(connection);
  }

  /**
   * To be called before a connection is opened that is not the monitor's.
   * @throws the error with which the node refused the last login, while it refuses them.
   */
  assertLetsIn(): void {
    const { refusal } = this.gate;
    if (refusal !== undefined) throw refusal.error;
  }

  /** Whether there is a password by now that the server has not refused. Errors as of {@link connect}. */
  hasAnotherPassword(signal: AbortSignal): Promise<boolean> {
    return this.#dialer.hasAnotherPassword(signal);
  }

  /** Connects as the pool does, and closes that connection; what came of it shows in {@link gate}. Never rejects. */
  async testLogin(signal: AbortSignal): Promise<void> {
    const hostaddr = this.#pinnedAddress();
    const purpose: Purpose = { access: 'read-write', purpose: 'pool', hostaddr };
    const connection = await this.#noted(this.#dial(purpose, SILENT, signal)).catch(() => undefined);
    void connection?.end();
  }

  /**
   * Opens a connection for the pool, to the address that the monitor is connected to.
   * @throws what the connection rejects with; PgHerdError `PGHERD_SERVER_TOO_OLD`, `PGHERD_UNSUPPORTED`.
   */
  async connect(
    access: Access,
    listener: ConnectionListener,
    signal: AbortSignal,
  ): Promise<DriverConnection> {
    const held = new HeldListener(listener);
    const hostaddr = this.#pinnedAddress();
    const connection = await this.#noted(this.#dial({ access, purpose: 'pool', hostaddr }, held, signal));
    held.open(!this.behindPooler);
    return this.#wrapped(connection);
  }

  /**
   * Opens a connection for the monitor, which resolves the name anew. Behind a pooler only an answer proves
   * that there is a server: the pooler itself accepts every connection. Errors as of {@link connect}.
   */
  async connectMonitor(
    listener: ConnectionListener,
    signal: AbortSignal,
    way: MonitorDial = 'anew',
  ): Promise<DriverConnection> {
    const { held, connection } = await this.#noted(this.#reachServer(listener, signal, way)).catch(
      (error) => {
        if (this.isNamed && !signal.aborted) this.#ports.reached(undefined);
        throw error;
      },
    );
    held.open(!this.behindPooler);
    this.#noteMonitor(connection);
    return this.#wrapped(connection);
  }

  /** Opens a session for a guest, to the same address. Errors as of {@link connect}. */
  connectGuest(
    access: Access,
    own: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<OpenedSession> {
    const hostaddr = this.#pinnedAddress();
    return this.#opened((behindPooler) =>
      this.#dialer.dialGuest({ access, purpose: 'pool', hostaddr, behindPooler }, own, signal),
    );
  }

  /**
   * The monitor's first connection as the session of a guest, if `takeOver` gives it and it was opened by the very startup packet that the
   * guest would send; `undefined` else.
   */
  async takenOverByGuest(
    access: Access,
    own: ReadonlyMap<string, string>,
    takeOver: (listener: ConnectionListener) => DriverConnection | undefined,
  ): Promise<OpenedSession | undefined> {
    const first: Dial = { ...MONITOR, purpose: 'pool', behindPooler: false };
    if (this.behindPooler || !(await this.#dialer.isLike(first, { ...first, access }, own))) return undefined;
    const { WireConnection } = await import('../wire/connection/connection.ts');
    const taken = takeOver(SILENT);
    if (taken instanceof WireConnection) {
      const session = taken.giveUp();
      if (session !== undefined) return session;
    }
    taken?.destroy();
    return undefined;
  }

  /** Closes the monitor's connections, which may lead to a lost server: the monitor opens another one. */
  dropMonitor(): void {
    this.#monitors.destroy();
  }

  /** Takes note of what comes of an attempt that begins now. */
  async #noted<T>(attempt: Promise<T>): Promise<T> {
    const { clock } = this.#ports.settings;
    const startedAt = clock.now();
    try {
      const opened = await attempt;
      this.gate.noteSuccess();
      return opened;
    } catch (error) {
      this.gate.noteFailure(error, startedAt, clock.now());
      throw error;
    }
  }

  /** Whether the node has a name, which may lead elsewhere at any time. */
  get isNamed(): boolean {
    const { address } = this.#ports.describe();
    return address.transport === 'tcp' && address.hostaddr === undefined && isIP(address.host) === 0;
  }

  #pinnedAddress(): string | undefined {
    return this.isNamed ? this.#monitors.address : undefined;
  }

  #noteMonitor(connection: DriverConnection): void {
    if (this.isNamed && connection.remoteAddress !== undefined) this.#ports.reached(connection.remoteAddress);
    const moved = this.#monitors.add(connection);
    if (moved === undefined) return;
    this.#ports.outdated(`${this.#ports.name} is at ${moved.now} now, was at ${moved.before}`);
  }

  #wrapped(connection: DriverConnection): DriverConnection {
    if (!this.behindPooler) return connection;
    const { plan, limits } = this.#ports.settings;
    return new PoolerConnection(connection, {
      settings: localSettingsText(new Map([...localSettings(plan), ...Object.entries(limits)])),
      isStandby: () => this.#ports.describe().role === 'standby',
      onPoolerError: () => this.dropMonitor(),
    });
  }

  /** Takes in evidence, with what showed it. */
  #learn(evidence: RouteEvidence, shown = ''): void {
    const { name, settings } = this.#ports;
    const before = this.#route;
    this.#route = routeAfter(before, evidence, settings.route);
    if (this.#route !== 'pooler' || before === 'pooler') return;
    const remedy =
      settings.route === 'direct'
        ? 'The option pooler, or pgbouncer in the URL, is false: set it to true, or connect to the server itself.'
        : 'Set pooler: true to say so from the start, or pooler: false if there is none.';
    this.#ports.warned(
      `${name}: there is a pooler before the server (${shown}). From now on its connections have no session settings and no ` +
        `named statements. ${remedy}`,
    );
    this.#ports.outdated('there is a pooler before the server');
  }

  /** A connection for the monitor over which the server itself has answered. */
  async #reachServer(listener: ConnectionListener, signal: AbortSignal, way: MonitorDial): Promise<Unheard> {
    const direct = this.behindPooler ? undefined : await this.#reachDirectly(listener, signal, way);
    if (direct !== undefined) return direct;
    const attempts = {
      laterMs: LATER_ATTEMPTS_MS,
      attempt: (aborted: AbortSignal) => this.#reachThroughPooler(listener, aborted),
      discard: ({ connection }: Unheard) => connection.destroy(),
    };
    return firstOf(this.#ports.settings.clock, attempts, signal);
  }

  /** `undefined` if there turns out to be a pooler. */
  async #reachDirectly(
    listener: ConnectionListener,
    signal: AbortSignal,
    way: MonitorDial,
  ): Promise<Unheard | undefined> {
    const held = new HeldListener(listener);
    const hostaddr = way === 'beside' ? this.#pinnedAddress() : undefined;
    const purpose = way === 'as-pools' ? 'pool' : 'monitor';
    const connection = await this.#dial({ ...MONITOR, purpose, hostaddr }, held, signal);
    if (this.#route === 'unknown') {
      const { parameterStatus } = this.#ports.settings.driver.capabilities;
      const sign = await whileOpen(connection, examine(connection, parameterStatus), signal);
      this.#learn(sign === undefined ? 'no-sign' : 'sign', sign);
    }
    if (!this.behindPooler) return { held, connection };
    connection.destroy();
    return undefined;
  }

  async #reachThroughPooler(listener: ConnectionListener, signal: AbortSignal): Promise<Unheard> {
    const held = new HeldListener(listener);
    const connection = await this.#dial(MONITOR, held, signal);
    await whileOpen(connection, connection.simple('SELECT 1'), signal);
    return { held, connection };
  }

  #dial(purpose: Purpose, listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection> {
    return this.#opened((behindPooler) => this.#dialer.dial({ ...purpose, behindPooler }, listener, signal));
  }

  /** What `open` opens; without startup parameters if the other side refuses them and may be a pooler. */
  async #opened<T>(open: (behindPooler: boolean) => Promise<T>): Promise<T> {
    const { behindPooler } = this;
    try {
      return await open(behindPooler);
    } catch (error) {
      if (behindPooler || !refusesStartupParameters(error)) throw fromPooler(error);
      this.#learn('startup-refused', messageOf(error));
      if (!this.behindPooler) throw fromPooler(error);
    }
    return this.#opened(open);
  }
}

/**
 * The answer that `work` on a connection gives, unless the signal aborts first: then the connection is
 * destroyed.
 */
async function whileOpen<T>(connection: DriverConnection, work: Promise<T>, signal: AbortSignal): Promise<T> {
  const forget = onAbort(signal, () => connection.destroy());
  try {
    return await work;
  } catch (error) {
    connection.destroy();
    throw signal.aborted ? signal.reason : fromPooler(error);
  } finally {
    forget();
  }
}
