import { TestClusterError } from '../errors.ts';
import { type PortReservation, reservePorts } from '../process/ports.ts';
import type { TestNode } from '../server/node.ts';
import { startProxy, type TcpProxy } from './proxy.ts';

/**
 * One address before several servers: a virtual IP, a name, a service or a balancer. Connections that are open stay where they are,
 * whatever the address leads to later. Made by {@link createTestAddress}.
 */
export class TestAddress implements AsyncDisposable {
  /** What clients connect to. All faults of a proxy are possible here. */
  readonly proxy: TcpProxy;
  readonly #targets: { nodes: readonly TestNode[]; next: number };
  readonly #reservation: PortReservation;

  /** @internal */
  constructor(
    proxy: TcpProxy,
    targets: { nodes: readonly TestNode[]; next: number },
    reservation: PortReservation,
  ) {
    this.proxy = proxy;
    this.#targets = targets;
    this.#reservation = reservation;
  }

  /** Port on 127.0.0.1. */
  get port(): number {
    return this.proxy.port;
  }

  /** URL of the database `app` for the ordinary role `app` at this address. */
  get url(): string {
    return `postgresql://app:app@127.0.0.1:${this.port}/app`;
  }

  /** From now on new connections lead to these nodes, to one after the other. @throws {@link TestClusterError} without a node. */
  leadTo(...nodes: readonly TestNode[]): void {
    if (nodes.length === 0) throw new TestClusterError('An address leads to one node at least.');
    this.#targets.nodes = nodes;
    this.#targets.next = 0;
  }

  /** Ends all connections through it; nothing listens there any more. */
  async close(): Promise<void> {
    await this.proxy.close();
    this.#reservation.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * An address that leads to these nodes, to one after the other.
 *
 * @example
 * await using address = await createTestAddress(cluster.primary);
 * address.leadTo(standby);
 */
export async function createTestAddress(...nodes: readonly TestNode[]): Promise<TestAddress> {
  const targets = { nodes, next: 0 };
  const reservation = await reservePorts(1);
  const [port = 0] = reservation.ports;
  const next = (): number => {
    const node = targets.nodes[targets.next++ % targets.nodes.length];
    return node?.directPort ?? 0;
  };
  const address = new TestAddress(await startProxy(port, next), targets, reservation);
  address.leadTo(...nodes);
  return address;
}
