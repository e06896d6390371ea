import type { TestTlsOptions } from '../tls/options.ts';

/** Server settings by name, as they would stand in `postgresql.conf`. */
export type ServerSettings = Readonly<Record<string, string | number | boolean>>;

/** What is asked of synchronous replication. */
export type Synchronous =
  | 'none'
  | {
      /** `synchronous_commit` on every node. */
      readonly commit: 'on' | 'remote_apply' | 'remote_write';
      /** How many standbys, whichever they are, must have confirmed a commit: `ANY k (…)`. Default 1. */
      readonly any?: number | undefined;
    };

/** Settings of a test server; `settings` of the cluster override them. */
const DEFAULTS: ServerSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 300,
  shared_buffers: '16MB',
  // Only processes die in these tests, never the machine: the kernel keeps what was written.
  fsync: false,
  full_page_writes: false,
  wal_level: 'replica',
  hot_standby: true,
  hot_standby_feedback: false,
  max_wal_senders: 10,
  wal_keep_size: '512MB',
  wal_receiver_status_interval: '1s',
  // The default of 5 s is how long a standby waits before it tries its new primary.
  wal_retrieve_retry_interval: '100ms',
  // Files in the data directory, which is removed as a whole; POSIX shared memory would outlive a killed server.
  dynamic_shared_memory_type: 'mmap',
  password_encryption: 'scram-sha-256',
  log_line_prefix: '%m [%p] ',
  log_timezone: 'UTC',
  timezone: 'UTC',
  log_checkpoints: false,
  logging_collector: false,
  log_destination: 'stderr',
  lc_messages: 'C',
};

/** The text of `postgresql.conf`: the same on every node of a cluster. What differs comes from the included file. */
export function renderSettings(settings: ServerSettings): string {
  return `${renderLines({ ...DEFAULTS, ...settings })}include 'node.conf'\n`;
}

/** One line for each setting. */
export function renderLines(settings: ServerSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${renderValue(value)}\n`)
    .join('');
}

function renderValue(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'number') return String(value);
  return `'${value.replaceAll("'", "''")}'`;
}

/** The settings of synchronous replication, the same on every node, so that they hold after a promotion too. */
export function synchronousSettings(synchronous: Synchronous, names: readonly string[]): ServerSettings {
  if (synchronous === 'none') return { synchronous_commit: 'on', synchronous_standby_names: '' };
  const list = names.map((name) => `"${name}"`).join(', ');
  return {
    synchronous_commit: synchronous.commit,
    synchronous_standby_names: `ANY ${synchronous.any ?? 1} (${list})`,
  };
}

/** How ordinary roles authenticate, in the words of `pg_hba.conf`. */
export type Authentication = 'trust' | 'password' | 'md5' | 'scram-sha-256' | 'cert';

/** The text of `pg_hba.conf`: superuser and replication are trusted on loopback, every other login by `auth`, over TLS where required. */
export function renderHba(auth: Authentication, tls?: TestTlsOptions): string {
  const clientCertificates = tls?.clientCertificates ?? 'none';
  const required = tls?.required === true || clientCertificates !== 'none' || auth === 'cert';
  const demand = clientCertificates === 'none' ? '' : ` clientcert=${clientCertificates}`;
  return ['127.0.0.1/32', '::1/128']
    .flatMap((from) => [
      `host replication postgres ${from} trust`,
      `host all postgres ${from} trust`,
      `${required ? 'hostssl' : 'host'} all all ${from} ${auth}${demand}`,
    ])
    .map((line) => `${line}\n`)
    .join('');
}
