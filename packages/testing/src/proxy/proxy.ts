import net, { type Server, type Socket } from 'node:net';
import { resetSocket } from '../reset.ts';
import { createUndo, type Undo } from '../undo.ts';
import { type Direction, Flow, type FlowRules, type Passage } from './flow.ts';

/** Which way, and how, the network fails. */
export interface PartitionOptions {
  /**
   * - `blackhole` (default): nothing passes, and neither side is notified; what was sent in the meantime arrives after healing, as
   *   with TCP. New connections are accepted, as a frozen host's kernel does, but nothing answers.
   * - `drop`: the same, but what was sent is lost; connections that lost something are reset on healing.
   * - `reset`: existing connections are reset (RST), new ones too.
   * - `refuse`: existing connections are reset, new ones refused.
   */
  readonly mode?: 'blackhole' | 'drop' | 'reset' | 'refuse' | undefined;
  /** Default `both`; `reset` and `refuse` always concern both. */
  readonly direction?: Direction | 'both' | undefined;
}

/** Decides, before a chunk is passed on, whether the connection is cut instead. */
export type CutPredicate = (chunk: Buffer, direction: Direction) => boolean;

/** Data that arrived at the proxy, before anything was done with it. */
export interface Arrival {
  readonly chunk: Buffer;
  readonly direction: Direction;
  /** Port from which the proxy speaks to the server: `client_port` of the session in `pg_stat_activity`. */
  readonly serverSidePort: number | undefined;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly flows: Readonly<Record<Direction, Flow>>;
}

/**
 * A TCP proxy on 127.0.0.1 that can fail in the ways networks do. Data sent before a FIN is delivered before that FIN, an RST
 * arrives as an RST. It runs in this process: a blocked event loop blocks it too.
 */
export class TcpProxy {
  /** Where it listens. */
  readonly port: number;
  readonly #targetPort: () => number;
  readonly #rules: Readonly<Record<Direction, FlowRules>> = {
    'to-server': { passage: 'forward', delayMs: 0, startDelayMs: 0 },
    'to-client': { passage: 'forward', delayMs: 0, startDelayMs: 0 },
  };
  readonly #pairs = new Set<Pair>();
  /** Connections of which the network knows nothing any more. */
  readonly #forgotten = new Set<Pair>();
  readonly #cuts = new Set<CutPredicate>();
  readonly #watchers = new Set<(arrival: Arrival) => void>();
  #server: Server | undefined;
  #resetting = false;

  /** @internal */
  constructor(port: number, targetPort: () => number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  /** How many client connections are open now, without those that were forgotten. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** @internal Begins to accept connections. */
  async listen(): Promise<void> {
    if (this.#server) return;
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', () => {
        server.off('error', reject);
        server.unref();
        resolve();
      });
    });
  }

  /** Fails as the options say, until undone or healed. */
  async partition(options: PartitionOptions = {}): Promise<Undo> {
    const { mode = 'blackhole', direction = 'both' } = options;
    switch (mode) {
      case 'blackhole':
      case 'drop':
        this.#setPassage(direction, mode);
        return createUndo(async () => this.#setPassage(direction, 'forward'));
      case 'reset':
        this.#resetting = true;
        this.reset();
        return createUndo(async () => {
          this.#resetting = false;
        });
      case 'refuse': {
        const server = this.#server;
        this.#server = undefined;
        server?.close();
        this.reset();
        return createUndo(() => this.listen());
      }
      default:
        return mode satisfies never;
    }
  }

  /** Everything takes this much longer, in milliseconds, one way or (default) each way. Undo: no delay. */
  async delay(ms: number, direction: Direction | 'both' = 'both'): Promise<Undo> {
    const set = (delayMs: number): void => {
      for (const each of directions(direction)) this.#rules[each].delayMs = delayMs;
    };
    set(ms);
    return createUndo(async () => set(0));
  }

  /**
   * Logins take longer: on connections that are opened from now on, the server's first answer is held back until the connection is this
   * old, milliseconds; everything behind it is quick. Undo: as before.
   */
  async delayLogins(ms: number): Promise<Undo> {
    const rules = this.#rules['to-client'];
    rules.startDelayMs = ms;
    return createUndo(async () => {
      rules.startDelayMs = 0;
    });
  }

  /**
   * Forgets the connections that are open now, as a firewall does that was restarted, or that saw nothing on them for too long: nothing
   * passes on them any more, also after {@link TcpProxy.heal}, and neither side is notified. Later connections work. Returns how many
   * were forgotten.
   *
   * @param which Which of them, by the port from which the proxy speaks to the server: `client_port` of the session in
   *   `pg_stat_activity`. Default: all.
   */
  forget(which: (serverSidePort: number | undefined) => boolean = () => true): number {
    const pairs = [...this.#pairs].filter(({ server }) => which(server.localPort));
    for (const pair of pairs) {
      this.#pairs.delete(pair);
      this.#forgotten.add(pair);
      for (const each of directions('both')) pair.flows[each].close();
    }
    return pairs.length;
  }

  /** Resets (RST) every open connection, once, to both sides. */
  reset(): void {
    for (const pair of this.#pairs) this.#cut(pair);
  }

  /**
   * Asks `predicate` before each chunk is passed on; when it says true the connection is reset to both sides and the chunk passes
   * no more. A chunk is what one read gave: it can hold several messages, or a part of one. Undo: asks no more.
   *
   * @example
   * // The COMMIT reaches the server, its answer never arrives.
   * await node.proxy.cutWhen((chunk, direction) => direction === 'to-client' && chunk.includes('COMMIT\0'));
   */
  cutWhen(predicate: CutPredicate): Undo {
    this.#cuts.add(predicate);
    return createUndo(async () => {
      this.#cuts.delete(predicate);
    });
  }

  /**
   * Calls the watcher for everything that arrives, also for what a partition then stops: what a client still sends to a node
   * that is cut off. Undo: calls it no more.
   */
  watch(watcher: (arrival: Arrival) => void): Undo {
    this.#watchers.add(watcher);
    return createUndo(async () => {
      this.#watchers.delete(watcher);
    });
  }

  /** Works as a plain proxy again: no partition, no delay, no cuts. What was forgotten stays so. */
  async heal(): Promise<void> {
    this.#resetting = false;
    this.#cuts.clear();
    for (const each of directions('both')) Object.assign(this.#rules[each], { delayMs: 0, startDelayMs: 0 });
    this.#setPassage('both', 'forward');
    await this.listen();
  }

  /** @internal Ends all connections and stops listening. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.reset();
    for (const pair of this.#forgotten) this.#cut(pair);
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #setPassage(direction: Direction | 'both', passage: Passage): void {
    for (const each of directions(direction)) this.#rules[each].passage = passage;
    for (const pair of this.#pairs) {
      const broken = directions('both').some(
        (each) => pair.flows[each].lossy && this.#rules[each].passage === 'forward',
      );
      if (broken) this.#cut(pair);
      for (const each of directions(direction)) pair.flows[each].advance();
    }
  }

  #accept(client: Socket): void {
    if (this.#resetting) {
      client.on('error', () => {});
      resetSocket(client);
      return;
    }
    const server = net.connect({
      port: this.#targetPort(),
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
    });
    client.unref();
    server.unref();
    const flow = (source: Socket, target: Socket, direction: Direction): Flow =>
      new Flow(source, target, this.#rules[direction], {
        arrived: (chunk) => {
          for (const watcher of this.#watchers)
            watcher({ chunk, direction, serverSidePort: server.localPort });
        },
        cutBefore: (chunk) => [...this.#cuts].some((predicate) => predicate(chunk, direction)),
        cut: () => this.#cut(pair),
      });
    const flows = {
      'to-server': flow(client, server, 'to-server'),
      'to-client': flow(server, client, 'to-client'),
    };
    const pair: Pair = { client, server, flows };
    this.#pairs.add(pair);
    const forget = (): void => {
      if (!client.destroyed || !server.destroyed) return;
      this.#pairs.delete(pair);
      this.#forgotten.delete(pair);
      for (const each of directions('both')) flows[each].close();
    };
    client.on('close', forget);
    server.on('close', forget);
  }

  #cut(pair: Pair): void {
    for (const each of directions('both')) pair.flows[each].close();
    resetSocket(pair.client);
    resetSocket(pair.server);
  }
}

function directions(direction: Direction | 'both'): readonly Direction[] {
  return direction === 'both' ? ['to-server', 'to-client'] : [direction];
}

/** A proxy before `targetPort`, listening on `port`, both on 127.0.0.1. A function is asked for each connection. */
export async function startProxy(port: number, targetPort: number | (() => number)): Promise<TcpProxy> {
  const proxy = new TcpProxy(port, typeof targetPort === 'number' ? () => targetPort : targetPort);
  await proxy.listen();
  return proxy;
}
