import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../server/settings.ts';
import { createTestAuthority, type TestAuthority, type TestCertificate } from './authority.ts';
import type { TestTlsOptions } from './options.ts';

/** TLS of a test cluster, as a client needs it. */
export interface ClusterTls {
  readonly authority: TestAuthority;
  /** File with the authority's certificate: what goes into `sslrootcert`. It goes with the cluster. */
  readonly rootCertFile: string;
}

/** Files in the data directory. */
const CERTIFICATE_FILE = 'server.crt';
const KEY_FILE = 'server.key';
const AUTHORITY_FILE = 'root.crt';

/** The server's settings for TLS. */
export const TLS_SETTINGS: ServerSettings = Object.freeze({
  ssl: true,
  ssl_cert_file: CERTIFICATE_FILE,
  ssl_key_file: KEY_FILE,
  ssl_ca_file: AUTHORITY_FILE,
});

/** Everything that is needed to start servers with TLS. */
export interface PreparedTls extends ClusterTls {
  readonly certificate: TestCertificate;
}

/** Makes what the options leave open, and the file for clients in `directory`. */
export async function prepareTls(options: TestTlsOptions, directory: string): Promise<PreparedTls> {
  const authority = options.authority ?? (await createTestAuthority());
  const certificate = options.certificate ?? (await authority.issue());
  const rootCertFile = path.join(directory, AUTHORITY_FILE);
  await writeFile(rootCertFile, authority.certificate);
  return { authority, certificate, rootCertFile };
}

/** Puts certificate and key into a data directory; PostgreSQL wants the key for its own user alone. */
export async function placeCertificate(
  dataDirectory: string,
  certificate: TestCertificate,
  giveTo: (place: string) => Promise<void>,
): Promise<void> {
  for (const [name, text] of [
    [CERTIFICATE_FILE, certificate.certificate],
    [KEY_FILE, certificate.key],
  ] as const) {
    const file = path.join(dataDirectory, name);
    await writeFile(file, text, { mode: 0o600 });
    await giveTo(file);
  }
}

/** Puts into a data directory what a server needs for TLS. */
export async function placeTls(
  dataDirectory: string,
  prepared: PreparedTls,
  giveTo: (place: string) => Promise<void>,
): Promise<void> {
  await writeFile(path.join(dataDirectory, AUTHORITY_FILE), prepared.authority.certificate);
  await placeCertificate(dataDirectory, prepared.certificate, giveTo);
}
