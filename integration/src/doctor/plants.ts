import type { TestCluster } from '@pgherd/testing';
import {
  alter,
  asSuperuser,
  balancer,
  cancelledRead,
  configured,
  extension,
  farBehind,
  firstStandby,
  inApp,
  killed,
  lone,
  mayFetchOldest,
  olderServer,
  onPrimary,
  type Planted,
  preload,
  statements,
  withClock,
  withMonitorRights,
} from './faults.ts';

/** A fault that a rule of the doctor finds. */
export interface Plant {
  readonly rule: string;
  /** What is wrong, if the rule alone does not say it. */
  readonly as?: string;
  /** Whether this machine has what it needs. Default `true`. */
  readonly needs?: boolean;
  readonly plant: (cluster: TestCluster) => Promise<Planted> | Planted;
}

const READ_ONLY = 'default_transaction_read_only = on';

/** Faults of real servers, for every rule but those for poolers. */
export const PLANTS: readonly Plant[] = Object.freeze([
  { rule: 'no-primary', plant: killed(({ primary }) => primary) },
  { rule: 'node-unreachable', plant: killed(firstStandby) },
  { rule: 'different-versions', needs: mayFetchOldest, plant: olderServer },
  { rule: 'different-extensions', plant: extension('1.0', '1.1') },
  { rule: 'different-preloads', plant: preload },
  { rule: 'extension-missing', plant: extension('1.0') },
  { rule: 'keepalives-off', plant: ({ url }) => ({ url: `${url}?keepalives=0` }) },
  {
    rule: 'node-not-examined',
    plant: statements(
      inApp,
      'revoke select on pg_extension from public',
      'grant select on pg_extension to public',
    ),
  },
  {
    rule: 'node-not-believed',
    plant: async (cluster) => {
      await firstStandby(cluster).promote();
      return {};
    },
  },
  {
    rule: 'same-server-twice',
    plant: ({ url }) => ({ url: url.replace(/@(127\.0\.0\.1:)(\d+)/, '@127.0.0.1:$2,localhost:$2') }),
  },
  {
    rule: 'several-servers-at-one-address',
    as: 'standbys behind a balancer',
    plant: balancer(
      ({ primary }) => [primary],
      ({ standbys }) => standbys,
    ),
  },
  {
    rule: 'several-servers-at-one-address',
    as: 'all servers behind a balancer',
    plant: balancer(
      () => [],
      ({ nodes }) => nodes,
    ),
  },
  {
    rule: 'read-only-primary',
    plant: configured(
      'primary',
      { default_transaction_read_only: true },
      { default_transaction_read_only: false },
    ),
  },
  { rule: 'read-only-by-default', as: 'the database', plant: alter('database app', READ_ONLY) },
  { rule: 'read-only-by-default', as: 'the role', plant: alter('role app', READ_ONLY) },
  {
    rule: 'read-only-by-default',
    as: 'the role in the database',
    plant: alter('role app in database app', 'default_transaction_read_only = yes'),
  },
  { rule: 'read-only-by-default', as: 'all roles', plant: alter('role all', READ_ONLY) },
  {
    rule: 'read-only-by-default',
    as: 'options of the connection string',
    plant: ({ url }) => ({ url: `${url}?options=-c%20default_transaction_read_only%3Don` }),
  },
  {
    rule: 'read-only-by-default',
    as: 'PGOPTIONS',
    plant: () => ({ env: { PGOPTIONS: '-c default_transaction_read_only=on' } }),
  },
  // PostgreSQL 18 ends in November 2030.
  { rule: 'end-of-life', plant: () => withClock(6 * 365 * 86_400_000) },
  { rule: 'superuser-login', plant: (cluster) => ({ url: asSuperuser(cluster) }) },
  {
    rule: 'control-file-hidden',
    plant: statements(
      inApp,
      'revoke execute on function pg_control_system() from public',
      'grant execute on function pg_control_system() to public',
    ),
  },
  { rule: 'unencrypted', plant: lone({}, true) },
  {
    rule: 'weak-passwords',
    plant: configured('primary', { password_encryption: 'md5' }, { password_encryption: 'scram-sha-256' }),
  },
  { rule: 'too-few-connections', as: 'many processes', plant: () => ({ args: ['--processes', '40'] }) },
  {
    rule: 'too-few-connections',
    as: 'a limit of the role',
    plant: statements(onPrimary, 'alter role app connection limit 5', 'alter role app connection limit -1'),
  },
  {
    rule: 'slot-inactive',
    plant: statements(
      onPrimary,
      `select pg_create_physical_replication_slot('forgotten', true)`,
      `select pg_drop_replication_slot('forgotten')`,
    ),
  },
  {
    rule: 'synchronous-standby-missing',
    plant: async (cluster) => {
      const planted = await withMonitorRights(cluster, () =>
        cluster.primary.configure({ synchronous_standby_names: '' }),
      );
      await cluster.primary.configure({ synchronous_standby_names: 'gone' });
      return planted;
    },
  },
  {
    rule: 'durability-off',
    plant: configured('primary', { synchronous_commit: 'off' }, { synchronous_commit: 'on' }),
  },
  { rule: 'wal-level-minimal', plant: lone({ wal_level: 'minimal', max_wal_senders: 0 }, false) },
  { rule: 'statement-timeout-short', plant: alter('role app', 'statement_timeout = 900') },
  { rule: 'idle-timeout-short', plant: alter('role app', `idle_session_timeout = '20s'`) },
  {
    rule: 'not-receiving',
    plant: async (cluster) => {
      await firstStandby(cluster).follow(undefined);
      return {};
    },
  },
  {
    rule: 'replay-paused',
    plant: async (cluster) => {
      await firstStandby(cluster).pauseReplay();
      return { undo: () => firstStandby(cluster).resumeReplay() };
    },
  },
  {
    rule: 'replay-delayed',
    plant: configured('standby', { recovery_min_apply_delay: '1min' }, { recovery_min_apply_delay: 0 }),
  },
  { rule: 'far-behind', plant: farBehind },
  {
    rule: 'reads-hold-up-replay',
    plant: configured('standby', { max_standby_streaming_delay: -1 }, { max_standby_streaming_delay: '30s' }),
  },
  { rule: 'reads-are-cancelled', plant: cancelledRead },
  { rule: 'clock-skew', plant: () => withClock(10_000) },
]);
