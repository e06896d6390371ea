import dns from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import type { TestNode } from '@pgherd/testing';
import { type PortReservation, reservePorts } from '@pgherd/testing/internal';

type Answer = (
  error: Error | null,
  found?: string | { address: string; family: number }[],
  family?: number,
) => void;

/** What each scripted name means now. Sockets, servers and the choice among addresses are the real ones. */
const scripted = new Map<string, () => readonly string[]>();
const lookup = dns.lookup;

function answer(name: string, options: object, done: Answer): void {
  const addresses = scripted.get(name)?.();
  if (addresses === undefined) return void Reflect.apply(lookup, dns, [name, options, done]);
  const all = addresses.map((address) => ({ address, family: net.isIP(address) }));
  const [first] = all;
  process.nextTick(() => {
    if (first === undefined)
      done(
        Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
          code: 'ENOTFOUND',
          syscall: 'getaddrinfo',
        }),
      );
    else if ('all' in options && options.all === true) done(null, all);
    else done(null, first.address, first.family);
  });
}

/** Takes connections at one address of the loopback network, and leads them to a server. */
class AddressOfServer {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server, target: () => TestNode) {
    this.#server = server;
    server.on('connection', (near) => {
      const far = net.connect(target().directPort, '127.0.0.1');
      this.#sockets.add(near);
      near.pipe(far).pipe(near);
      const end = () => {
        near.destroy();
        far.destroy();
        this.#sockets.delete(near);
      };
      for (const socket of [near, far]) socket.on('error', end).on('close', end);
    });
  }

  static async listening(address: string, port: number, target: () => TestNode): Promise<AddressOfServer> {
    const server = net.createServer();
    const made = new AddressOfServer(server, target);
    server.listen(port, address);
    await once(server, 'listening');
    return made;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A host name with addresses of the loopback network (127.0.0.1, 127.0.0.2, …), each of which leads to a server. */
export class ScriptedName implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** What a lookup shows now. */
  shows: readonly string[];
  /** How often it was looked up. */
  lookups = 0;
  readonly #targets = new Map<string, TestNode>();
  readonly #listening = new Map<string, AddressOfServer>();
  readonly #reservation: PortReservation;

  private constructor(host: string, reservation: PortReservation) {
    this.host = host;
    this.#reservation = reservation;
    this.port = Number(reservation.ports[0]);
    this.shows = [];
    if (scripted.size === 0) dns.lookup = answer as typeof dns.lookup;
    scripted.set(host, () => {
      this.lookups += 1;
      return this.shows;
    });
  }

  /** A name whose addresses, in this order, lead to these nodes; a lookup shows all of them. */
  static async of(nodes: readonly TestNode[], host = 'herd.test'): Promise<ScriptedName> {
    const name = new ScriptedName(host, await reservePorts(1));
    for (const [index, node] of nodes.entries()) await name.lead(addressAt(index), node);
    name.shows = nodes.map((_node, index) => addressAt(index));
    return name;
  }

  /** URL of the database `app` for the ordinary role `app`. */
  get url(): string {
    return `postgresql://app:app@${this.host}:${this.port}/app`;
  }

  /** From now on this address leads to that node. */
  async lead(address: string, node: TestNode): Promise<void> {
    this.#targets.set(address, node);
    if (this.#listening.has(address)) return;
    const target = () => this.#targets.get(address) ?? node;
    this.#listening.set(address, await AddressOfServer.listening(address, this.port, target));
  }

  /** Connections that are open at this address. */
  connectionsAt(address: string): number {
    return this.#listening.get(address)?.connections ?? 0;
  }

  /** Nothing listens at this address any more. */
  async closeAt(address: string): Promise<void> {
    await this.#listening.get(address)?.close();
    this.#listening.delete(address);
  }

  /** Name of the node at this address. */
  nodeAt(address: string): string {
    return `${this.host}[${address}]:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    scripted.delete(this.host);
    if (scripted.size === 0) dns.lookup = lookup;
    for (const address of [...this.#listening.keys()]) await this.closeAt(address);
    this.#reservation.release();
  }
}

/** The address of this number, from 0 on. */
export function addressAt(index: number): string {
  return `127.0.0.${index + 1}`;
}
