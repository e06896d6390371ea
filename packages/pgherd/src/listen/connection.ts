import type { ConnectionListener, DriverConnection } from '../connection/port.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import type { TopologyDescription } from '../model/topology.ts';
import { quoteIdentifier } from '../sql/quote.ts';
import type { Clock, Timer } from '../time/port.ts';
import { withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import { writableNode } from '../topology/writable.ts';
import type { ReceivedNotification } from './listen.ts';

/** Time a goodbye may take before the socket is destroyed, milliseconds. */
const GOODBYE_MS = 1_000;

/** What the connection needs from the cluster. */
export interface SubscriptionConnectionPorts {
  readonly node: string;
  readonly clock: Clock;
  /** How often the server is asked for a sign of life, and how long it has to answer, milliseconds. */
  readonly heartbeatMs: number;
  connect(listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection>;
  notified(notification: ReceivedNotification): void;
}

/**
 * The connection that listens: open until the server, the network, a missed heartbeat or the cluster ends it,
 * and then never again.
 */
export class SubscriptionConnection {
  readonly node: string;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #connection: DriverConnection;
  /** Channels that the server listens to. */
  readonly #channels = new Set<string>();
  /** Resolves with the reason when it has ended. */
  readonly ended: Promise<string>;
  #end: (reason: string) => void = () => undefined;
  #timer: Timer | undefined;
  #completeUntil: number;
  #isOpen = true;

  /**
   * Opens a connection of its own.
   * @throws what the connection rejects with; PgHerdError `PGHERD_UNSUPPORTED` if it leads to a pooler.
   */
  static async open(
    ports: SubscriptionConnectionPorts,
    signal: AbortSignal,
  ): Promise<SubscriptionConnection> {
    let opened: SubscriptionConnection | undefined;
    const connection = await ports.connect(
      {
        parameter: () => undefined,
        message: () => undefined,
        closed: (error) => opened?.close(messageOf(error)),
        notification: (notification) => {
          if (opened !== undefined) ports.notified({ ...notification, node: ports.node });
        },
      },
      signal,
    );
    if (connection.perTransaction !== undefined) {
      connection.destroy();
      throw new PgHerdError(
        'PGHERD_UNSUPPORTED',
        `${ports.node} is behind a pooler, where no session stays to listen. Connect to the server itself.`,
        { details: { node: ports.node } },
      );
    }
    connection.setRef(true);
    opened = new SubscriptionConnection(ports, connection);
    return opened;
  }

  private constructor(ports: SubscriptionConnectionPorts, connection: DriverConnection) {
    this.node = ports.node;
    this.#clock = ports.clock;
    this.#heartbeatMs = ports.heartbeatMs;
    this.#connection = connection;
    this.#completeUntil = ports.clock.wallTime();
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    if (connection.closed) this.close('the connection was closed at once');
    else this.#beat();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * When the last question was asked that was answered, by the wall clock, milliseconds. What was committed
   * before has arrived or has a gap of its own. The arrival of a notification proves less: the next one may
   * have been committed before it arrived.
   */
  get completeUntil(): number {
    return this.#completeUntil;
  }

  /** Whether notifications of the channel arrive here from now on. */
  hears(channel: string): boolean {
    return this.#isOpen && this.#channels.has(channel);
  }

  /**
   * Listens to exactly these channels. Rejects if the server does not confirm that; the connection has ended
   * then.
   */
  async listenTo(wanted: ReadonlySet<string>): Promise<void> {
    const missing = [...wanted].filter((channel) => !this.#channels.has(channel));
    const surplus = [...this.#channels].filter((channel) => !wanted.has(channel));
    const commands = [
      ...missing.map((channel) => `LISTEN ${quoteIdentifier(channel)}`),
      ...surplus.map((channel) => `UNLISTEN ${quoteIdentifier(channel)}`),
    ];
    if (commands.length === 0) return;
    for (const channel of surplus) this.#channels.delete(channel);
    try {
      await this.#ask(commands.join('; '));
    } catch (error) {
      this.close(messageOf(error));
      throw error;
    }
    for (const channel of missing) this.#channels.add(channel);
  }

  /** Destroys the connection. */
  close(reason: string): void {
    if (this.#ends(reason)) this.#connection.destroy();
  }

  /** Says goodbye and closes. */
  leave(reason: string): void {
    if (!this.#ends(reason)) return;
    const timer = this.#clock.schedule(GOODBYE_MS, () => this.#connection.destroy());
    void this.#connection.end().finally(() => timer.cancel());
  }

  #ends(reason: string): boolean {
    if (!this.#isOpen) return false;
    this.#isOpen = false;
    this.#timer?.cancel();
    this.#end(reason);
    return true;
  }

  #beat(): void {
    this.#timer = this.#clock.schedule(this.#heartbeatMs, () => void this.#checkLife(), { ref: false });
  }

  async #checkLife(): Promise<void> {
    try {
      await this.#ask('SELECT 1');
      if (this.#isOpen) this.#beat();
    } catch (error) {
      this.close(`no sign of life: ${messageOf(error)}`);
    }
  }

  async #ask(text: string): Promise<void> {
    const askedAt = this.#clock.wallTime();
    await withLimit(this.#clock, this.#heartbeatMs, this.#connection.simple(text));
    this.#completeUntil = askedAt;
  }
}

/**
 * Why another node than this one is to be listened to; `undefined` while it is the right one, as far as is
 * known.
 */
export function reasonToLeave(topology: TopologyDescription, name: string): string | undefined {
  const node = findNode(topology, name);
  if (node === undefined) return `${name} was removed`;
  const writable = writableNode(topology);
  if (writable?.name === name) return undefined;
  if (writable !== undefined) return `${writable.name} is the primary now`;
  if (node.standing !== 'current') return `${name} is ${node.standing}`;
  if (node.health === 'offline') return `${name} is offline`;
  return node.role === 'standby' ? `${name} is a standby` : undefined;
}
