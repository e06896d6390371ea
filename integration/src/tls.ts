import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestCertificate, TestNode } from '@pgherd/testing';
import { type ClusterOptions, createCluster } from 'pgherd';

/** What the server says of a session, or why there was none. */
export interface Seen {
  readonly ssl?: boolean;
  /** Version of TLS. */
  readonly version?: string | null;
  /** Whom the client's certificate names, and its number. */
  readonly client?: string | null;
  readonly serial?: string | null;
  readonly user?: string;
  readonly refused?: string;
}

const QUESTION =
  'select ssl, version, client_dn as client, client_serial::text as serial, current_user as "user" ' +
  'from pg_stat_ssl where pid = pg_backend_pid()';

/** Connects as a program would, and tells what came of it. */
export async function look(url: string, options: Partial<ClusterOptions> = {}): Promise<Seen> {
  const db = createCluster({ url, env: {}, waitTimeoutMs: 60_000, ...options });
  try {
    return (await db.query(QUESTION)).rows[0] as Seen;
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  } finally {
    await db.close();
  }
}

/** Lets ordinary roles in as the given lines of `pg_hba.conf` say, from now on. */
export async function admit(node: TestNode, ...lines: readonly string[]): Promise<void> {
  const own = ['host all postgres 127.0.0.1/32 trust', 'host replication postgres 127.0.0.1/32 trust'];
  const file = path.join(node.dataDirectory, 'pg_hba.conf');
  await writeFile(file, [...own, ...lines, ''].join('\n'));
  await node.reload();
}

/** A folder for the files of one test file, removed at its end. */
export async function scratchFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgherd-tls-'));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Writes a certificate and its key, the key for its owner alone; gives the parameters that name them. */
export async function storeCertificate(
  folder: string,
  name: string,
  { certificate, key }: TestCertificate,
): Promise<string> {
  await writeFile(path.join(folder, `${name}.crt`), certificate);
  await writeFile(path.join(folder, `${name}.key`), key, { mode: 0o600 });
  return `sslcert=${folder}/${name}.crt&sslkey=${folder}/${name}.key`;
}
