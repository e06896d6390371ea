import { bytesText, msText } from '../shell/numbers.ts';
import { versionText } from '../status/text.ts';
import type { DoctorFacts, NodeFacts, ServerFacts } from './facts.ts';
import { type Found, isPrimary, type NodeRule, onServer } from './rule.ts';
import { isOfStatementMode } from './rules-of-poolers.ts';
import { endOfLife } from './versions.ts';

/** Lag from which on a standby is far behind, and WAL from which on a slot is a danger to the disk, bytes. */
const MUCH_WAL = 64 * 1_024 ** 2;
const MUCH_LAG_MS = 60_000;
const SKEW_MS = 2_000;
/** The monitor asks every second, and idle connections of the pool live for 30 s. */
const SHORTEST_STATEMENT_MS = 1_000;
const SHORTEST_IDLE_MS = 60_000;

const settingMs = (server: ServerFacts, name: string): number => Number(server.settings[name] ?? 0);

/** Rules for one server, by name. */
export const NODE_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  'node-unreachable': ({ picture }) =>
    picture.health === 'ok' || picture.aliasOf !== undefined
      ? []
      : [
          {
            severity: 'error',
            evidence: `It is ${picture.health}: ${picture.healthReason ?? 'no reason known'}.`,
            remedy:
              'Start the server, or take it out of the list; for a refused login, mend role, password or pg_hba.conf.',
            page:
              picture.connectFailure === 'authentication'
                ? 'credentials.md#refused-logins-and-locked-accounts'
                : 'topology.md',
          },
        ],
  'node-not-examined': ({ failure }) =>
    failure === undefined || isOfStatementMode(failure)
      ? []
      : [
          {
            severity: 'warning',
            evidence: `It answers, but could not be examined: ${failure}`,
            remedy: 'Mend what the error names, and run the doctor again.',
            page: 'errors.md',
          },
        ],
  'end-of-life': onServer(({ version }, _node, { today }) => {
    const end = endOfLife(version);
    return end !== undefined && end < today.slice(0, 10)
      ? {
          severity: 'warning',
          evidence: `PostgreSQL ${versionText(version)} has had no fixes since ${end}.`,
          remedy: 'Upgrade to a version that is supported.',
          page: 'runbook.md#major-upgrade',
        }
      : undefined;
  }),
  'superuser-login': onServer(({ isSuperuser }, _node, { user }) =>
    isSuperuser
      ? {
          severity: 'warning',
          evidence: `The role ${user} is a superuser.`,
          remedy: 'Let the application log in as a role that owns nothing but its schema.',
          page: 'security.md',
        }
      : undefined,
  ),
  'control-file-hidden': onServer(({ mayReadControl }, _node, { user }) =>
    mayReadControl
      ? undefined
      : {
          severity: 'warning',
          evidence: `The role ${user} may not call pg_control_system(): no system identifier, so a foreign server cannot be told.`,
          remedy: `grant execute on function pg_control_system(), pg_control_checkpoint() to "${user}"`,
          page: 'topology.md',
        },
  ),
  unencrypted: onServer((server) =>
    server.settings['ssl'] === 'on' && !server.isEncrypted
      ? {
          severity: 'warning',
          evidence: 'The server speaks TLS, and this connection does not use it.',
          remedy: 'Set sslmode=verify-full, or at least require.',
          page: 'tls.md#what-sslmode-does',
        }
      : undefined,
  ),
  'weak-passwords': onServer((server) =>
    server.settings['password_encryption'] === 'md5'
      ? {
          severity: 'warning',
          evidence: 'password_encryption is md5.',
          remedy: "Set password_encryption = 'scram-sha-256', and set the passwords anew.",
          page: 'credentials.md',
        }
      : undefined,
  ),
  'too-few-connections': onServer(tooFewConnections),
  'slot-inactive': onServer(({ slots }) =>
    slots.flatMap(({ name, active, retainedBytes }): Found[] => {
      if (active) return [];
      const kept = retainedBytes === null ? 'no WAL' : bytesText(retainedBytes);
      const isMuch = (retainedBytes ?? 0) >= MUCH_WAL;
      return [
        {
          severity: isMuch ? 'error' : 'warning',
          evidence: `The replication slot ${name} is inactive and keeps ${kept}: it fills the disk.`,
          remedy: `Start what reads it, or drop it: select pg_drop_replication_slot('${name}'). Bound it by max_slot_wal_keep_size.`,
          page: 'runbook.md',
        },
      ];
    }),
  ),
  'synchronous-standby-missing': onServer((server, node) => {
    const names = server.settings['synchronous_standby_names'] ?? '';
    if (!isPrimary(node) || names === '' || server.settings['synchronous_commit'] === 'off') return undefined;
    const wanted = Number(/^(?:(?:any|first)\s*)?(\d+)\s*\(/i.exec(names.trim())?.[1] ?? 1);
    const confirming = server.senders.filter(
      ({ syncState }) => syncState === 'sync' || syncState === 'quorum',
    );
    if (server.senders.some(({ syncState }) => syncState === null) || confirming.length >= wanted)
      return undefined;
    return {
      severity: 'error',
      evidence: `synchronous_standby_names is ${names}; of the ${wanted} standbys that must confirm a commit, ${confirming.length} stream: commits wait.`,
      remedy: 'Start the standby, or take it out of synchronous_standby_names.',
      page: 'topology.md#health-of-the-cluster',
    };
  }),
  'durability-off': onServer((server) =>
    ['fsync', 'full_page_writes', 'synchronous_commit'].flatMap((name): Found[] =>
      server.settings[name] === 'off'
        ? [
            {
              severity: name === 'fsync' ? 'error' : 'warning',
              evidence: `${name} is off: after a crash, ${name === 'synchronous_commit' ? 'acknowledged commits may be gone' : 'the data may be damaged'}.`,
              remedy: `Set ${name} = on.`,
              page: 'transactions.md',
            },
          ]
        : [],
    ),
  ),
  'wal-level-minimal': onServer((server) =>
    server.settings['wal_level'] === 'minimal'
      ? {
          severity: 'warning',
          evidence: 'wal_level is minimal: it can have no standby and no continuous backup.',
          remedy: 'Set wal_level = replica, and restart the server.',
          page: 'one-server.md',
        }
      : undefined,
  ),
  'statement-timeout-short': onServer((server) =>
    shortTimeout(server, 'statement_timeout', SHORTEST_STATEMENT_MS),
  ),
  'idle-timeout-short': onServer((server) => shortTimeout(server, 'idle_session_timeout', SHORTEST_IDLE_MS)),
  'not-receiving': onServer((server, { picture }) =>
    picture.role === 'standby' && server.isReceiving === false
      ? {
          severity: 'error',
          evidence: 'The standby receives no WAL: it falls behind.',
          remedy:
            'Mend primary_conninfo, the replication role or the network; if the primary has removed the WAL, rebuild it.',
          page: 'topology.md#lag',
        }
      : undefined,
  ),
  'replay-paused': onServer(({ isReplayPaused }) =>
    isReplayPaused
      ? {
          severity: 'error',
          evidence: 'Replay is paused: reads of this standby get older and older data.',
          remedy: 'select pg_wal_replay_resume()',
          page: 'topology.md#lag',
        }
      : undefined,
  ),
  'replay-delayed': onServer((server, { picture }) => {
    const ms = settingMs(server, 'recovery_min_apply_delay');
    return picture.role === 'standby' && ms > 0
      ? {
          severity: 'warning',
          evidence: `recovery_min_apply_delay is ${msText(ms)}: reads get data of that age.`,
          remedy:
            'Keep reads away from it: nodes: { … : { readable: false, promotable: false } }, or a limit of lag.',
          page: 'routing.md#limits-of-lag',
        }
      : undefined;
  }),
  'far-behind': ({ picture: { role, lag } }) =>
    role === 'standby' && ((lag.bytes ?? 0) >= MUCH_WAL || (lag.ms ?? 0) >= MUCH_LAG_MS)
      ? [
          {
            severity: 'warning',
            evidence: `It is ${[lag.bytes === undefined ? '' : bytesText(lag.bytes), lag.ms === undefined ? '' : msText(lag.ms)].filter(Boolean).join(', ')} behind.`,
            remedy: 'Look at its disk and at long reads; set a limit with lag: { maxMs }.',
            page: 'routing.md#limits-of-lag',
          },
        ]
      : [],
  'reads-hold-up-replay': onServer((server, { picture }) =>
    picture.role === 'standby' && server.settings['max_standby_streaming_delay'] === '-1'
      ? {
          severity: 'warning',
          evidence:
            'max_standby_streaming_delay is -1: one long read holds up replay for as long as it lasts.',
          remedy: 'Set it to the lag that reads may have, such as 30s.',
          page: 'topology.md#lag',
        }
      : undefined,
  ),
  'reads-are-cancelled': onServer((server, { picture }) =>
    picture.role === 'standby' && server.conflicts > 0 && server.settings['hot_standby_feedback'] === 'off'
      ? {
          severity: 'warning',
          evidence: `Replay has cancelled ${server.conflicts} reads of this standby, and hot_standby_feedback is off.`,
          remedy: 'Set hot_standby_feedback = on, or a longer max_standby_streaming_delay.',
          page: 'retries.md#the-table',
        }
      : undefined,
  ),
  'clock-skew': onServer(({ clockAheadMs, roundTripMs }) =>
    Math.abs(clockAheadMs) > SKEW_MS + roundTripMs
      ? {
          severity: 'warning',
          evidence: `Its clock is ${msText(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's.`,
          remedy: 'Synchronise the clocks (chrony, systemd-timesyncd).',
          page: 'topology.md#lag',
        }
      : undefined,
  ),
});

/** A monitor's connection for each process and server, beyond the pool. */
const OF_THE_MONITOR = 1;

function tooFewConnections(
  server: ServerFacts,
  _node: NodeFacts,
  { processes, poolMax, user, database }: DoctorFacts,
): readonly Found[] {
  // Behind a pooler the limit that counts is the pooler's.
  if (server.sharesSessions === true) return [];
  const wanted = processes * (poolMax + OF_THE_MONITOR);
  const reserved =
    settingMs(server, 'superuser_reserved_connections') + settingMs(server, 'reserved_connections');
  const limits: readonly (readonly [string, number | null])[] = [
    ['max_connections, without the reserved ones,', settingMs(server, 'max_connections') - reserved],
    [`the connection limit of role ${user}`, server.roleLimit],
    [`the connection limit of database ${database}`, server.databaseLimit],
  ];
  return limits.flatMap(([name, limit]): Found[] =>
    limit === null || limit >= wanted
      ? []
      : [
          {
            severity: 'warning',
            evidence: `${processes} processes with pools of ${poolMax} and a monitor each may open ${wanted} connections; ${name} is ${limit}.`,
            remedy:
              'Make the pools smaller (pool.max), run fewer processes, raise the limit, or put a pooler in between.',
            page: 'pool.md#when-connections-run-short',
          },
        ],
  );
}

function shortTimeout(server: ServerFacts, name: string, least: number): Found | undefined {
  const ms = settingMs(server, name);
  if (ms === 0 || ms >= least) return undefined;
  return {
    severity: 'warning',
    evidence: `${name} is ${msText(ms)}; below ${msText(least)} it ends what pgherd needs for itself.`,
    remedy: `Raise it, or set it where it is wanted: session: { ${name}: … } in the options.`,
    page: 'credentials.md#session-timeouts',
  };
}
