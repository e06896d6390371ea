import net from 'node:net';
import { createTestCluster, type TestCluster, type TestNode } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { TerminalRun } from '../../integration/src/cli-terminal.ts';

/** The port of each server, as people expect it. */
const PORT = 5_432;
const ADDRESSES = Object.freeze(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
const NAMES = Object.freeze(['db1', 'db2', 'db3']);

/** Three servers under the names `db1` to `db3`, each at an address of this machine of its own, and a program that works on them. */
export interface Stage extends AsyncDisposable {
  readonly cluster: TestCluster;
  /** The load: a few reads and writes at a time. */
  readonly db: Cluster;
  /** Kills the server of that number, and refuses what connects to it. */
  kill(index: number): Promise<void>;
  /** `pgherd` on a terminal, with the servers in its environment. */
  pgherd(args: readonly string[], size: { readonly columns: number; readonly rows: number }): TerminalRun;
}

/** Starts them. Linux has the addresses; elsewhere they are to be made first. */
export async function openStage(): Promise<Stage> {
  const cluster = await createTestCluster({
    standbys: 2,
    synchronous: { commit: 'on', any: 1 },
    settings: { fsync: true, full_page_writes: true },
  });
  const doors = await Promise.all(
    cluster.nodes.map((node, index) => openDoor(node, String(ADDRESSES[index]))),
  );
  const env = {
    PGHOST: NAMES.join(','),
    PGHOSTADDR: ADDRESSES.join(','),
    PGUSER: 'app',
    PGDATABASE: 'app',
  };
  await cluster.primary.appSql('create table stage (id int)');
  await cluster.waitForReplay();
  const db = createCluster({ env });
  const load = startLoad(db);
  return {
    cluster,
    db,
    kill: async (index) => {
      await cluster.nodes[index]?.kill();
      await doors[index]?.close();
    },
    pgherd: (args, size) => new TerminalRun(args, { env, ...size }),
    [Symbol.asyncDispose]: async () => {
      await load.stop();
      db.terminate();
      await Promise.all(doors.map((door) => door.close()));
      await cluster.close();
    },
  };
}

interface Door {
  close(): Promise<void>;
}

/** A listener at the address that leads to the server. */
async function openDoor(node: TestNode, address: string): Promise<Door> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const inner = net.connect(node.port, node.host);
    for (const one of [socket, inner]) {
      open.add(one);
      one.setNoDelay(true);
      one
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(one);
          socket.destroy();
          inner.destroy();
        });
    }
    socket.pipe(inner).pipe(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(PORT, address, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Callers that write, or read, with pauses: a cluster at work, and not at its limit. */
function startLoad(db: Cluster): { stop(): Promise<void> } {
  let isOver = false;
  const caller = async (call: () => Promise<unknown>, pauseMs: number): Promise<void> => {
    while (!isOver) {
      await call().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const callers = [
    ...Array.from({ length: 4 }, () => caller(() => db.query('insert into stage values (1)'), 30)),
    ...Array.from({ length: 6 }, () => caller(() => db.read.query('select count(*) from stage'), 20)),
  ];
  return {
    stop: async () => {
      isOver = true;
      db.terminate();
      await Promise.all(callers);
    },
  };
}
