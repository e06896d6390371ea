import { readFileSync } from 'node:fs';
import type { TestNode } from '@pgherd/testing';

/** The server's end of one TCP connection. */
export interface ServerSocket {
  readonly localPort: number;
  readonly remotePort: number;
  /** Bytes that have arrived and were not read. */
  readonly unread: number;
}

const ESTABLISHED = '01';

/** The client has closed; what it sent before is still there. */
const CLOSE_WAIT = '08';
/** A goodbye takes 5 bytes and the end of the stream counts as one; no statement is as short. */
const WORK_BYTES = 16;

/** The connections in the text of `/proc/net/tcp` from which a server may still read. */
export function parseSockets(text: string): ServerSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/);
      if (state !== ESTABLISHED && state !== CLOSE_WAIT) return [];
      const port = (address: string) => Number.parseInt(address.split(':')[1] ?? '', 16);
      const unread = Number.parseInt(queues.split(':')[1] ?? '', 16);
      return [{ localPort: port(local), remotePort: port(remote), unread }];
    });
}

/**
 * When a frozen server was last handed work, seen from outside: nothing reads its sockets, so each statement makes the
 * unread bytes of a connection grow. Only connections of the time before count, since a fresh one cannot get past
 * authentication; monitors' and the test kit's are left out by the ports that were asked for before the freeze.
 */
export class WorkWatch {
  readonly #port: number;
  readonly #ignored: ReadonlySet<number>;
  readonly #unread = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #lastAt: number | undefined;

  private constructor(port: number, ignored: ReadonlySet<number>) {
    this.#port = port;
    this.#ignored = ignored;
    for (const socket of this.#sockets()) this.#unread.set(socket.remotePort, socket.unread);
    this.#timer = setInterval(() => this.#look(), 5);
  }

  /** Begins at the freeze. `ignored` are the clients' ports that {@link portsWithoutWork} told before it. */
  static start(node: TestNode, ignored: ReadonlySet<number>): WorkWatch {
    return new WorkWatch(node.directPort, ignored);
  }

  /** When work was last seen to arrive, epoch ms; `undefined` for never. */
  stop(): number | undefined {
    clearInterval(this.#timer);
    return this.#lastAt;
  }

  #look(): void {
    for (const { remotePort, unread } of this.#sockets()) {
      const before = this.#unread.get(remotePort);
      if (before === undefined || unread <= before) continue;
      this.#unread.set(remotePort, unread);
      if (unread - before >= WORK_BYTES) this.#lastAt = Date.now();
    }
  }

  #sockets(): ServerSocket[] {
    return parseSockets(readFileSync('/proc/net/tcp', 'utf8')).filter(
      (socket) => socket.localPort === this.#port && !this.#ignored.has(socket.remotePort),
    );
  }
}

/** Ports of clients that carry no work of the application: monitors, replication and the test kit itself. */
export async function portsWithoutWork(node: TestNode): Promise<ReadonlySet<number>> {
  const rows = await node.sql(
    `select client_port as port from pg_stat_activity
     where client_port > 0 and (usename <> 'app' or application_name like '% monitor')`,
  );
  return new Set(rows.map((row) => Number(row['port'])));
}
