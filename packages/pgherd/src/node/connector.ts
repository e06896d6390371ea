import { isIP } from 'node:net';
import type { ConnectionListener, ConnectRequest, Driver, DriverConnection } from '../connection/port.ts';
import { Credentials, refusesPassword } from '../login/credentials.ts';
import type { Login } from '../login/login.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { Secret } from '../model/secret.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { ClusterSettings } from '../options/settings.ts';
import {
  fromPooler,
  type LocalSettings,
  localSettings,
  localSettingsText,
  refusesStartupParameters,
  seesPooler,
} from '../pooler/detect.ts';
import { PoolerConnection } from '../pooler/pooler-connection.ts';
import { HeldListener } from './held-listener.ts';

/** Oldest major version that is supported. */
export const MIN_SERVER_VERSION = 130_000;
/** Every method by which a driver can prove who it is, and none at all. */
const AUTH_METHODS: readonly string[] = ['none', 'password', 'md5', 'scram-sha-256'];
/** Methods by which a listener on the way, or a server that is not ours, learns the password or can guess it. */
const REVEALING: ReadonlySet<string> = new Set(['password', 'md5']);
/**
 * When the next connection to a pooler is tried while the first still waits for its server, milliseconds. PgBouncer lets those
 * wait who came before it found its server gone, and refuses those who come after.
 */
const LATER_ATTEMPTS_MS: readonly number[] = [100, 400];

/** What a connector needs from the node it connects to. */
export interface ConnectorPorts<C> {
  readonly name: string;
  readonly settings: ClusterSettings<C>;
  describe(): NodeDescription;
  /** Connections that are open are not what later ones will be. */
  outdated(reason: string): void;
  /** Something worth telling. */
  warned(message: string): void;
}

interface MonitorLink {
  readonly connection: DriverConnection;
  readonly address: string;
}

/**
 * Opens the connections to one node. It remembers what was learnt of the way there: whether a pooler stands in between, and
 * which of the addresses of its name the monitor speaks to.
 */
export class Connector<C> {
  readonly #ports: ConnectorPorts<C>;
  readonly #login: Login;
  readonly #credentials: Credentials;
  #behindPooler: boolean | undefined;
  #monitorLinks: MonitorLink[] = [];
  #lastAddress: string | undefined;

  constructor(ports: ConnectorPorts<C>) {
    this.#ports = ports;
    this.#behindPooler = ports.settings.pooler;
    const { logins, clock } = ports.settings;
    this.#login = logins.byNode.get(ports.name) ?? logins.general;
    this.#credentials = new Credentials({
      origin: this.#login.password,
      clock,
      about: () => {
        const { host, port } = ports.describe().address;
        return { node: ports.name, host, port, user: this.#login.user, database: this.#login.database };
      },
    });
  }

  /** Whether connections lead to a pooler in transaction mode, as far as is known. */
  get behindPooler(): boolean {
    return this.#behindPooler === true;
  }

  /**
   * Opens a connection for the pool, to the very address that the monitor speaks to.
   * @throws what the driver rejects with; PgHerdError `PGHERD_SERVER_TOO_OLD`, `PGHERD_UNSUPPORTED`.
   */
  async connect(
    access: Access,
    listener: ConnectionListener,
    signal: AbortSignal,
  ): Promise<DriverConnection<C>> {
    const held = new HeldListener(listener);
    const way: Way = { access, purpose: 'pool', hostaddr: this.#pinnedAddress() };
    const connection = await this.#dial(way, held, signal);
    held.open(!this.behindPooler);
    return this.#wrapped(connection);
  }

  /**
   * Opens a connection for the monitor, which resolves the name anew. Behind a pooler only an answer proves that there is a
   * server: the pooler itself lets everybody in. Errors as of {@link connect}.
   */
  async connectMonitor(listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection<C>> {
    const { held, connection } = await this.#reach(listener, signal);
    held.open(!this.behindPooler);
    this.#noteMonitor(connection);
    return this.#wrapped(connection);
  }

  /** The monitor's connection may lead nowhere any more: it is closed, so that the monitor tries another one. */
  dropMonitor(): void {
    for (const { connection } of this.#openLinks()) connection.destroy();
  }

  #openLinks(): MonitorLink[] {
    this.#monitorLinks = this.#monitorLinks.filter((link) => !link.connection.closed);
    return this.#monitorLinks;
  }

  #pinnedAddress(): string | undefined {
    const { address } = this.#ports.describe();
    const isName = address.transport === 'tcp' && address.hostaddr === undefined && isIP(address.host) === 0;
    return isName ? this.#openLinks().at(-1)?.address || undefined : undefined;
  }

  #noteMonitor(connection: DriverConnection<C>): void {
    const address = connection.remoteAddress ?? '';
    this.#monitorLinks = [...this.#openLinks(), { connection, address }];
    const before = this.#lastAddress;
    this.#lastAddress = address;
    if (before !== undefined && before !== address) {
      this.#ports.outdated(`${this.#ports.name} is at ${address} now, was at ${before}`);
    }
  }

  #wrapped(connection: DriverConnection<C>): DriverConnection<C> {
    if (!this.behindPooler) return connection;
    return new PoolerConnection<C>(connection, {
      settings: localSettingsText(this.#localSettings()),
      isStandby: () => this.#ports.describe().role === 'standby',
      onPoolerError: () => this.dropMonitor(),
    });
  }

  #localSettings(): LocalSettings {
    const { plan, limits } = this.#ports.settings;
    return new Map([...localSettings(plan), ...Object.entries(limits)]);
  }

  #foundPooler(sign: string): void {
    if (this.#behindPooler === true) return;
    this.#behindPooler = true;
    this.#ports.warned(
      `${this.#ports.name}: a pooler stands before the server (${sign}). Its connections get no settings of the session ` +
        'and no named statements from now on. Set pooler: true to know it from the start, pooler: false to deny it.',
    );
    this.#ports.outdated('a pooler stands before the server');
  }

  /** A connection for the monitor over which the server itself has answered, with its listener still held. */
  async #reach(listener: ConnectionListener, signal: AbortSignal): Promise<Reached<C>> {
    const direct = this.behindPooler ? undefined : await this.#reachDirectly(listener, signal);
    if (direct !== undefined) return direct;
    const { clock } = this.#ports.settings;
    const attempts: Attempt[] = [];
    return new Promise<Reached<C>>((resolve, reject) => {
      let settled = false;
      const settle = (fn: () => void, winner?: Attempt) => {
        settled = true;
        for (const timer of timers) timer.cancel();
        signal.removeEventListener('abort', onAbort);
        for (const attempt of attempts)
          if (attempt !== winner) attempt.abort.abort(new Error('no longer wanted'));
        fn();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const attempt = () => {
        const one: Attempt = { abort: new AbortController(), held: new HeldListener(listener) };
        attempts.push(one);
        this.#reachThroughPooler(one.held, one.abort.signal).then(
          (connection) => {
            if (settled) connection.destroy();
            else settle(() => resolve({ connection, held: one.held }), one);
          },
          (error: unknown) => settle(() => reject(error)),
        );
      };
      const timers = LATER_ATTEMPTS_MS.map((ms) => clock.schedule(ms, attempt, { ref: false }));
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else attempt();
    });
  }

  /** `undefined` where this connection shows that a pooler stands in between. */
  async #reachDirectly(listener: ConnectionListener, signal: AbortSignal): Promise<Reached<C> | undefined> {
    const held = new HeldListener(listener);
    const connection = await this.#dial(TO_MONITOR, held, signal);
    if (this.#behindPooler !== undefined)
      return this.behindPooler ? destroyed(connection) : { held, connection };
    const { parameterStatus } = this.#ports.settings.driver.capabilities;
    const looks = seesPooler(connection, parameterStatus);
    const sign = await whileOpen(connection, looks, signal);
    if (sign === undefined) {
      this.#behindPooler = false;
      return { held, connection };
    }
    this.#foundPooler(sign);
    return destroyed(connection);
  }

  async #reachThroughPooler(held: HeldListener, signal: AbortSignal): Promise<DriverConnection<C>> {
    const connection = await this.#dial(TO_MONITOR, held, signal);
    await whileOpen(connection, connection.simple('SELECT 1'), signal);
    return connection;
  }

  /** Opens a connection; without startup parameters where that is found to be the only way. */
  async #dial(way: Way, listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection<C>> {
    const { driver, pooler } = this.#ports.settings;
    try {
      return this.#newEnough(await this.#logIn(driver, way, listener, signal));
    } catch (error) {
      if (this.behindPooler || pooler !== undefined || !refusesStartupParameters(error))
        throw fromPooler(error);
      this.#foundPooler(messageOf(error));
    }
    return this.#dial(way, listener, signal);
  }

  /** A password that was asked for is asked for once more where the server refuses it. */
  async #logIn(
    driver: Driver<C>,
    way: Way,
    listener: ConnectionListener,
    signal: AbortSignal,
  ): Promise<DriverConnection<C>> {
    const password = await this.#credentials.current(signal);
    try {
      return await driver.connect(this.#request(way, password), listener, signal);
    } catch (error) {
      if (signal.aborted || !refusesPassword(error)) throw error;
      const other = await this.#credentials.instead(password, signal);
      if (other === undefined) throw error;
      return driver.connect(this.#request(way, other), listener, signal);
    }
  }

  #newEnough(connection: DriverConnection<C>): DriverConnection<C> {
    const text = connection.parameters.get('server_version');
    const major = Number.parseInt(text ?? '', 10);
    if (Number.isNaN(major) || major >= MIN_SERVER_VERSION / 10_000) return connection;
    connection.destroy();
    throw new PgHerdError(
      'PGHERD_SERVER_TOO_OLD',
      `${this.#ports.name} runs PostgreSQL ${text}; pgherd needs ${MIN_SERVER_VERSION / 10_000} or newer.`,
      { details: { node: this.#ports.name, serverVersion: major * 10_000 } },
    );
  }

  #request({ access, purpose, hostaddr }: Way, password: Secret | undefined): ConnectRequest {
    const { settings } = this.#ports;
    const { plan, applicationName } = settings;
    const { address, origin } = this.#ports.describe();
    return {
      address: hostaddr === undefined ? address : { ...address, hostaddr },
      user: this.#login.user,
      database: plan.database,
      password,
      tls: this.#login.tls,
      requireAuth: plan.requireAuth,
      requireAuthInClear: origin === 'discovered' ? discreet(plan.requireAuth ?? AUTH_METHODS) : undefined,
      channelBinding: plan.channelBinding,
      applicationName: purpose === 'monitor' ? `${applicationName} monitor` : applicationName,
      startup: this.behindPooler ? {} : this.#startup(access, purpose),
      behindPooler: this.behindPooler,
      keepAliveMs: plan.keepalive.enabled ? (plan.keepalive.idleMs ?? 10_000) : undefined,
    };
  }

  #startup(access: Access, purpose: Way['purpose']): Record<string, string> {
    const { plan, limits } = this.#ports.settings;
    const startup: Record<string, string> = { ...plan.settings };
    if (plan.options !== undefined) startup['options'] = plan.options;
    if (plan.searchPath !== undefined) startup['search_path'] = plan.searchPath;
    if (purpose === 'pool') Object.assign(startup, limits);
    if (access === 'read-only') startup['default_transaction_read_only'] = 'on';
    return startup;
  }
}

/** What a connection is for, and where it goes. */
interface Way {
  readonly access: Access;
  readonly purpose: 'pool' | 'monitor';
  /** Address to be used instead of resolving the name. */
  readonly hostaddr?: string | undefined;
}

const TO_MONITOR: Way = Object.freeze({ access: 'read-write', purpose: 'monitor' });

interface Reached<C> {
  readonly connection: DriverConnection<C>;
  readonly held: HeldListener;
}

interface Attempt {
  readonly abort: AbortController;
  readonly held: HeldListener;
}

function destroyed(connection: DriverConnection): undefined {
  connection.destroy();
}

/** Discovery may name any host: what it is told without TLS must not give the password away. */
function discreet(methods: readonly string[]): readonly string[] {
  return methods.filter((method) => !REVEALING.has(method));
}

/** The answer that `work` on a connection gives, unless the signal aborts first: then the connection is destroyed. */
async function whileOpen<T>(connection: DriverConnection, work: Promise<T>, signal: AbortSignal): Promise<T> {
  const onAbort = () => connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await work;
  } catch (error) {
    connection.destroy();
    throw signal.aborted ? signal.reason : fromPooler(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
