import { CONNECT, type ConnectMessage } from '../channels/channels.ts';
import type { ConnectionListener, ConnectRequest, DriverConnection } from '../connection/port.ts';
import { Credentials } from '../login/credentials.ts';
import type { Login } from '../login/login.ts';
import { allowedMethods } from '../login/trust.ts';
import { PgHerdError } from '../model/errors.ts';
import { foreign } from '../model/foreign.ts';
import type { Access } from '../model/names.ts';
import type { Secret } from '../model/secret.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { isPasswordRefused } from '../retry/classify.ts';
import type { OpenedSession } from '../wire/login/open.ts';

/** Oldest major version that is supported. */
const MIN_MAJOR_VERSION = 13;

/** What one connection is for. */
export interface Dial {
  readonly access: Access;
  readonly purpose: 'pool' | 'monitor';
  /** Address to be used instead of resolving the name. */
  readonly hostaddr: string | undefined;
  /** Whether there is a pooler before the server: the startup packet carries no settings then. */
  readonly behindPooler: boolean;
}

/** What a dialer needs from the node it connects to. */
export interface DialerPorts {
  readonly name: string;
  /** The name by which the options know the node. */
  readonly listed: string;
  readonly settings: ClusterSettings;
  describe(): NodeDescription;
  /** The addresses of the node's name; `undefined` if it has none, or the driver looks them up. Rejects with the resolver's error. */
  lookUp(signal: AbortSignal): Promise<readonly string[]> | undefined;
}

/**
 * Opens connections to one node with the driver: as which user, with which password, and with which startup
 * packet.
 */
export class Dialer {
  readonly #ports: DialerPorts;
  readonly #login: Login;
  readonly #credentials: Credentials;

  constructor(ports: DialerPorts) {
    this.#ports = ports;
    const { logins, clock } = ports.settings;
    this.#login = logins.byNode.get(ports.listed) ?? logins.general;
    this.#credentials = new Credentials({
      origin: this.#login.password,
      clock,
      about: () => {
        const { host, port } = ports.describe().address;
        return { node: ports.name, host, port, user: this.#login.user, database: this.#login.database };
      },
    });
  }

  /**
   * Opens one connection.
   * @throws what the connection rejects with; PgHerdError `PGHERD_SERVER_TOO_OLD`, `PGHERD_CREDENTIALS_FAILED`.
   */
  dial(dial: Dial, listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection> {
    return this.#traced(dial.purpose, () => this.#dial(dial, listener, signal));
  }

  #traced<T>(purpose: ConnectMessage['purpose'], work: () => Promise<T>): Promise<T> {
    if (!CONNECT.isWatched) return work();
    const { name: node, settings } = this.#ports;
    const { host, port } = this.#ports.describe().address;
    return CONNECT.trace({ cluster: settings.label, node, host, port, purpose }, work);
  }

  async #dial(dial: Dial, listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection> {
    const { driver } = this.#ports.settings;
    const looking = this.#addresses(dial, signal);
    const addresses = looking === undefined ? undefined : await looking;
    const connection = await this.#logIn(signal, (password) =>
      driver.connect(this.#request(dial, addresses, password), listener, signal),
    );
    this.#assertNewEnough(connection.parameters, () => connection.destroy());
    return connection;
  }

  /** Opens a session for a guest, whose startup parameters go before ours. Errors as of {@link dial}. */
  dialGuest(dial: Dial, own: ReadonlyMap<string, string>, signal: AbortSignal): Promise<OpenedSession> {
    return this.#traced('guest', () => this.#dialGuest(dial, own, signal));
  }

  /** Whether the startup packet of such a guest is the one of `dial`, so that either session could be the other. */
  async isLike(dial: Dial, guest: Dial, own: ReadonlyMap<string, string>): Promise<boolean> {
    const { startupPacket } = await import('../wire/login/startup.ts');
    const [request, guests] = [dial, guest].map((one) => this.#request(one, undefined, undefined));
    if (request === undefined || guests === undefined) return false;
    return startupPacket(guests, own).equals(startupPacket(request));
  }

  async #dialGuest(
    dial: Dial,
    own: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<OpenedSession> {
    const { scramMaxIterations: maxIterations } = this.#ports.settings;
    // Loaded when it is needed, as the wire is.
    const [{ openSession }, { startupPacket }] = await Promise.all([
      import('../wire/login/open.ts'),
      import('../wire/login/startup.ts'),
    ]);
    const looking = this.#addresses(dial, signal);
    const addresses = looking === undefined ? undefined : await looking;
    return this.#logIn(signal, async (password) => {
      const request = this.#request(dial, addresses, password);
      const options = { startup: startupPacket(request, own), maxIterations, listener: SILENT };
      const session = await openSession(request, options, signal);
      this.#assertNewEnough(session.parameters, () => session.socket.destroy());
      return { session, request };
    });
  }

  /** Whether there is a password by now that the server has not refused. Errors as of {@link Credentials.current}. */
  hasAnotherPassword(signal: AbortSignal): Promise<boolean> {
    return this.#credentials.hasAnother(signal);
  }

  /** A password that the program supplies is asked for again, once, if the server refuses it. */
  async #logIn<T>(signal: AbortSignal, connect: (password: Secret | undefined) => Promise<T>): Promise<T> {
    const password = await this.#credentials.current(signal);
    try {
      return await this.#tried(password, connect);
    } catch (error) {
      if (signal.aborted || !isPasswordRefused(error)) throw error;
      const other = await this.#credentials.instead(password, signal);
      if (other === undefined) throw error;
      return this.#tried(other, connect);
    }
  }

  async #tried<T>(
    password: Secret | undefined,
    connect: (password: Secret | undefined) => Promise<T>,
  ): Promise<T> {
    try {
      const connected = await connect(password);
      this.#credentials.noteAccepted();
      return connected;
    } catch (error) {
      if (isPasswordRefused(error)) this.#credentials.noteRefused(password);
      throw error;
    }
  }

  #assertNewEnough(parameters: ReadonlyMap<string, string>, destroy: () => void): void {
    const version = parameters.get('server_version');
    const major = Number.parseInt(version ?? '', 10);
    if (Number.isNaN(major) || major >= MIN_MAJOR_VERSION) return;
    destroy();
    throw new PgHerdError(
      'PGHERD_SERVER_TOO_OLD',
      `${this.#ports.name} runs PostgreSQL ${foreign(version ?? '')}; pgherd needs ${MIN_MAJOR_VERSION} or newer.`,
      { details: { node: this.#ports.name, serverVersion: major * 10_000 } },
    );
  }

  /** Looked up once for each connection, also if its password is asked for again. */
  #addresses({ hostaddr }: Dial, signal: AbortSignal): Promise<readonly string[]> | undefined {
    return hostaddr === undefined ? this.#ports.lookUp(signal) : undefined;
  }

  #request(
    dial: Dial,
    addresses: readonly string[] | undefined,
    password: Secret | undefined,
  ): ConnectRequest {
    const { plan, applicationNames, namedHosts } = this.#ports.settings;
    const { address, origin } = this.#ports.describe();
    const { hostaddr, purpose, behindPooler } = dial;
    return {
      address: hostaddr === undefined ? address : { ...address, hostaddr },
      addresses,
      user: this.#login.user,
      database: plan.database,
      password,
      tls: this.#login.tls,
      ...allowedMethods({ address, origin }, this.#login.tls, plan.requireAuth, namedHosts),
      channelBinding: plan.channelBinding,
      applicationName: applicationNames.of({ node: this.#ports.name, purpose }),
      startup: behindPooler ? {} : this.#startup(dial),
      behindPooler,
      keepAliveMs: plan.keepalive.enabled ? (plan.keepalive.idleMs ?? 10_000) : undefined,
    };
  }

  #startup({ access, purpose }: Dial): Record<string, string> {
    const { plan, limits } = this.#ports.settings;
    const startup: Record<string, string> = { ...plan.settings };
    if (plan.options !== undefined) startup['options'] = plan.options;
    if (plan.searchPath !== undefined) startup['search_path'] = plan.searchPath;
    if (purpose === 'pool') Object.assign(startup, limits);
    if (access === 'read-only') startup['default_transaction_read_only'] = 'on';
    return startup;
  }
}

/** What a guest's login reports is read from its result. */
const SILENT = Object.freeze({ parameter: () => undefined, notice: () => undefined });
