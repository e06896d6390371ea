import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { TestClusterError } from '../errors.ts';
import { cacheDirectory } from './cache.ts';
import { claim, unlinkIfThere } from './claim.ts';

/**
 * Ports are taken from below the range the kernel hands to outgoing connections (32768 and up on Linux, 49152 on macOS).
 * A port from that range may be another program's outgoing port by the time a killed server wants it back; and a client that knocks at it
 * again and again can end up connected to itself.
 */
const RANGE = { from: 20_000, to: 32_000 } as const;

/** Ports that stay ours, also while their server is down, until released. */
export interface PortReservation {
  readonly ports: readonly number[];
  release(): void;
}

/**
 * Reserves free ports on 127.0.0.1. A file per port shows other processes that it is taken; the file of a process that has
 * died does not count.
 *
 * @throws {@link TestClusterError} when there are not enough free ports.
 */
export async function reservePorts(count: number): Promise<PortReservation> {
  // Not among the temporary files: a test run may have a folder for those of its own, and ports are shared by all.
  const folder = path.join(cacheDirectory(), `ports-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  const files: string[] = [];
  const ports: number[] = [];
  const release = (): void => {
    for (const file of files.splice(0)) unlinkIfThere(file);
  };
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > 2_000) {
      release();
      throw new TestClusterError(
        `No ${count} free ports on 127.0.0.1 from ${RANGE.from} to ${RANGE.to}. End what occupies them.`,
      );
    }
    const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from));
    const file = `${folder}/${port}`;
    if (!claim(file)) continue;
    if (await isFree(port)) {
      files.push(file);
      ports.push(port);
    } else {
      unlinkIfThere(file);
    }
  }
  return { ports, release };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
