import { readdirSync, readlinkSync } from 'node:fs';
import pg from 'pg';

/** Runs statements as the ordinary role over one connection. */
export async function withClient<T>(
  url: string,
  fn: (client: pg.Client) => Promise<T>,
  connectTimeoutMs = 5_000,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  client.on('error', () => {});
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, 100).unref())]);
  }
}

/** Whether a process exists and is not a zombie's shell. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Processes whose working directory is this one or lies below it; none where the system does not say. */
export function processesWorkingIn(directory: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
    } catch {
      return false;
    }
  });
}
