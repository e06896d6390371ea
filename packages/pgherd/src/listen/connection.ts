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

/** What a link needs of the cluster around it. */
export interface LinkPorts {
  readonly node: string;
  readonly clock: Clock;
  /** How often it is asked whether it is still there, and how long it has to answer, milliseconds. */
  readonly heartbeatMs: number;
  connect(listener: ConnectionListener, signal: AbortSignal): Promise<DriverConnection>;
  notified(notification: ReceivedNotification): void;
}

/** The connection that listens: open until the other side, a missed heartbeat or we ourselves end it, and then never again. */
export class ListenLink {
  readonly node: string;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #connection: DriverConnection;
  /** Channels that the server was told. */
  readonly #channels = new Set<string>();
  /** Resolves with the reason when it is over. */
  readonly ended: Promise<string>;
  #end: (reason: string) => void = () => undefined;
  #timer: Timer | undefined;
  #completeUntil: number;
  #isOpen = true;

  /**
   * Opens a connection of its own.
   * @throws what the driver rejects with; PgHerdError `PGHERD_UNSUPPORTED` where it leads to a pooler.
   */
  static async open(ports: LinkPorts, signal: AbortSignal): Promise<ListenLink> {
    let link: ListenLink | undefined;
    const connection = await ports.connect(
      {
        parameter: () => undefined,
        message: () => undefined,
        closed: (error) => link?.close(messageOf(error)),
        notification: (notification) => {
          if (link !== undefined) ports.notified({ ...notification, node: ports.node });
        },
      },
      signal,
    );
    if (connection.perTransaction !== undefined) {
      connection.destroy();
      throw new PgHerdError(
        'PGHERD_UNSUPPORTED',
        `${ports.node} is behind a pooler, where no session stays to listen: connect to the server itself.`,
        { details: { node: ports.node } },
      );
    }
    connection.setRef(true);
    link = new ListenLink(ports, connection);
    return link;
  }

  private constructor(ports: LinkPorts, connection: DriverConnection) {
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
   * What was committed before that, by the wall clock, has come or has a gap of its own: when the last question was asked that was
   * answered. A notification that comes proves nothing of the kind, since the next one may have been committed before it came.
   */
  get completeUntil(): number {
    return this.#completeUntil;
  }

  /** Whether what is sent to the channel from now on comes here. */
  hears(channel: string): boolean {
    return this.#isOpen && this.#channels.has(channel);
  }

  /** Listens to exactly these channels. Rejects where that cannot be; the link is over then. */
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

  /** Gives the connection up. */
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

/** Why a node is not the one to listen to any more; `undefined` while it is, as far as is known. */
export function whyNotListen(topology: TopologyDescription, name: string): string | undefined {
  const node = findNode(topology, name);
  if (node === undefined) return `${name} was removed`;
  const writable = writableNode(topology);
  if (writable?.name === name) return undefined;
  if (writable !== undefined) return `${writable.name} is the primary now`;
  if (node.standing !== 'current') return `${name} is ${node.standing}`;
  if (node.health === 'offline') return `${name} is offline`;
  return node.role === 'standby' ? `${name} is a standby` : undefined;
}
