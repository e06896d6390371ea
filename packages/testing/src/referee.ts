import { messageOf, TestClusterError } from './errors.ts';
import { KIT_APPLICATION_NAME } from './server/admin.ts';
import { formatLsn, parseLsn, readControlFile } from './server/control-file.ts';
import { TestNode } from './server/node.ts';
import { streamsFrom } from './server/streaming.ts';
import { pause, waitUntil } from './wait.ts';

/** How often, and how far apart in milliseconds, no session may be seen to write before a primary is stopped for a switchover. */
const QUIET_LOOKS = 4;
const QUIET_PAUSE_MS = 5;
/** How long that is waited for, milliseconds. */
const LATECOMERS_MS = 500;

/** How long a standby that does not stream is given to do so before a switchover to it is refused, milliseconds. */
const STREAMING_LIMIT_MS = 10_000;

/** What the referee needs to know of the cluster. */
export interface RefereeView {
  readonly nodes: readonly TestNode[];
  readonly primary: TestNode;
  /** How many standbys confirm each commit; 0 when replication is asynchronous. */
  readonly confirmations: number;
}

/** What a failover or switchover did. */
export interface PromotionResult {
  /** The new primary. */
  readonly promoted: TestNode;
  /** The old one. */
  readonly demoted: TestNode;
  /** Epoch milliseconds of the new primary's log line `database system is ready to accept connections`. */
  readonly readyAt: number;
}

/** What a switchover did. */
export interface SwitchoverResult extends PromotionResult {
  /** Epoch milliseconds when the old primary had begun to refuse new writes in every session. */
  readonly refusingAt: number;
  /** Epoch milliseconds when the old primary had ended. */
  readonly stoppedAt: number;
}

/**
 * Replaces a lost primary as a safe manager does: cut every standby that can be reached from the old primary, so that it can
 * confirm nothing more; refuse if too few are left to know of every confirmed commit; take the one with the most WAL; let the others
 * follow it; promote.
 */
export async function failover(view: RefereeView, afterMs: number): Promise<PromotionResult> {
  await pause(afterMs);
  const demoted = view.primary;
  const standbys = view.nodes.filter((node) => node !== demoted);
  const needed = view.confirmations === 0 ? 1 : standbys.length - view.confirmations + 1;
  const attempts = await Promise.all(standbys.map((node) => cut(node)));
  const positions = attempts.filter((each) => 'lsn' in each);
  if (positions.length < needed) {
    await Promise.all(
      attempts.filter((each) => each.node.state === 'running').map((each) => each.node.follow(demoted)),
    );
    const reasons = attempts.flatMap((each) => ('reason' in each ? `${each.node.name}: ${each.reason}` : []));
    throw new TestClusterError(
      `Failover refused: ${positions.length} of ${standbys.length} standbys can be reached, ${needed} are needed to be sure ` +
        `that no confirmed commit is lost. ${reasons.join('; ')}. Bring a standby back first.`,
    );
  }
  const best = positions.reduce((a, b) => (b.lsn > a.lsn ? b : a));
  const others = positions.filter((each) => each !== best);
  await Promise.all(others.map((each) => each.node.follow(best.node)));
  await waitForFollowers(
    best.node,
    others.map((each) => each.node),
  );
  const ready = await best.node.promote();
  return { promoted: best.node, demoted, readyAt: ready.at };
}

/** How long a failover waits for the other standbys to stream from the node it is about to promote, milliseconds. */
const FOLLOWERS_LIMIT_MS = 300;

/**
 * A standby that streams from the node already goes over to its new timeline within milliseconds, and can confirm the first
 * commit; one that has to find it after the promotion takes `wal_retrieve_retry_interval` and more. Worth a short wait, not a long one.
 */
async function waitForFollowers(upstream: TestNode, followers: readonly TestNode[]): Promise<void> {
  if (followers.length === 0) return;
  const names = followers.map((node) => node.name);
  const streaming = `select application_name from pg_stat_replication
    where state = 'streaming' and application_name = any ($1)`;
  await waitUntil(async () => (await upstream.admin.query(streaming, [names])).length >= names.length, {
    timeoutMs: FOLLOWERS_LIMIT_MS,
    everyMs: 3,
  }).catch(() => undefined);
}

type Cut =
  | { readonly node: TestNode; readonly lsn: bigint }
  | { readonly node: TestNode; readonly reason: string };

/** Ends the node's replication and returns how far it came. */
async function cut(node: TestNode): Promise<Cut> {
  if (node.state !== 'running') return { node, reason: `it is ${node.state}` };
  try {
    const [row] = await node.admin.query('select pg_is_in_recovery() as standby');
    if (!row?.['standby']) return { node, reason: 'it is not in recovery' };
    await node.follow(undefined);
    await node.admin.queryFresh('select 1');
    let silent = 0;
    await waitUntil(
      async () => {
        const receivers = await node.admin.query(
          `select 1 from pg_stat_activity where backend_type = 'walreceiver'
           union all select 1 from pg_settings where name = 'primary_conninfo' and setting <> ''`,
        );
        // A receiver can be about to start when the settings change: believe it when it is seen twice.
        silent = receivers.length === 0 ? silent + 1 : 0;
        return silent >= 2;
      },
      { what: `${node.name} to leave the old primary`, everyMs: 3 },
    );
    const [position] = await node.admin.query(
      'select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text as lsn',
    );
    return { node, lsn: parseLsn(String(position?.['lsn'])) };
  } catch (error) {
    return { node, reason: messageOf(error) };
  }
}

/** How a switchover is done. */
export interface SwitchoverOptions {
  /**
   * How long to wait, in milliseconds, for transactions that were open when the old primary began to refuse writes. Default 1,000. What
   * is still open then is ended by the stop, with 57P01.
   */
  readonly drainMs?: number | undefined;
}

/**
 * Hands the role over, planned: no client is left in doubt about a write. The old primary refuses new writes first, what runs is
 * awaited, then it is stopped; `to` is promoted only if it has every record.
 */
export async function switchover(
  view: RefereeView,
  to: TestNode,
  options: SwitchoverOptions = {},
): Promise<SwitchoverResult> {
  const old = view.primary;
  await checkCandidate(view, to);
  const others = view.nodes.filter((node) => node !== old && node !== to && node.state === 'running');
  const refusingAt = await refuseWrites(old);
  try {
    await drain(old, options.drainMs ?? 1_000);
    await caughtUp(old, to);
    await staysDrained(old);
    await old.stop('fast');
    const stoppedAt = Date.now();
    await checkReceived(old, to);
    await Promise.all(others.map((node) => node.follow(to)));
    await waitForFollowers(to, others);
    const ready = await to.promote();
    await old.configure({ default_transaction_read_only: false });
    await old.markAsStandby(true);
    await old.follow(to);
    await old.start();
    return { promoted: to, demoted: old, readyAt: ready.at, refusingAt, stoppedAt };
  } catch (error) {
    if (view.primary === old) await takeBack(old, others);
    throw error;
  }
}

async function checkCandidate(view: RefereeView, to: TestNode): Promise<void> {
  if (!(to instanceof TestNode)) {
    const given = to === undefined ? 'nothing' : typeof to;
    const sentence = `switchover takes the standby that is to take over, a node of cluster.standbys; it was given ${given}.`;
    throw new TestClusterError(sentence);
  }
  const refuse = (why: string): never => {
    throw new TestClusterError(`Switchover to ${to.name} refused: ${why}. Choose a standby that streams.`);
  };
  if (to === view.primary) refuse('it is the primary');
  if (!view.nodes.includes(to)) refuse('it belongs to another cluster');
  if (view.primary.state !== 'running')
    refuse(`the primary ${view.primary.name} is ${view.primary.state}; use failover`);
  if (to.state !== 'running') refuse(`it is ${to.state}`);
  const streams = waitUntil(() => streamsFrom(view.primary, to), { timeoutMs: STREAMING_LIMIT_MS });
  await streams.catch(() => refuse(`it does not stream from ${view.primary.name}`));
}

/** New transactions are read-only from now on, in every session. Resolves with the server's time when that was so. */
async function refuseWrites(old: TestNode): Promise<number> {
  await old.configureAndConfirm('default_transaction_read_only', 'on');
  return Date.now();
}

/** Sessions of clients that do something. */
const BUSY = `select pid from pg_stat_activity
  where backend_type = 'client backend' and application_name <> '${KIT_APPLICATION_NAME}' and state <> 'idle'`;

/** Waits until no client is in a transaction that began before the server refused writes, or holds a transaction id. */
async function drain(old: TestNode, drainMs: number): Promise<void> {
  const [start] = await old.admin.query('select clock_timestamp()::text as now');
  const open = `${BUSY} and (backend_xid is not null or xact_start <= $1::timestamptz or query_start <= $1::timestamptz)`;
  const giveUpAt = performance.now() + drainMs;
  while (performance.now() < giveUpAt) {
    if ((await old.admin.query(open, [start?.['now']])).length === 0) return;
    await pause(2);
  }
}

/**
 * A process that was about to begin a write when the server became read-only, and had to wait for a processor then, is visible only
 * when it continues: so no session may be seen to write for a while.
 */
async function staysDrained(old: TestNode): Promise<void> {
  const giveUpAt = performance.now() + LATECOMERS_MS;
  for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < giveUpAt; ) {
    const writers = await old.admin.query(`${BUSY} and backend_xid is not null`);
    quiet = writers.length === 0 ? quiet + 1 : 0;
    await pause(QUIET_PAUSE_MS);
  }
}

/** Asked before the stop: a standby that is behind would make the stop long, or the switchover impossible. */
async function caughtUp(old: TestNode, to: TestNode): Promise<void> {
  const behind = `select 1 from pg_stat_replication
    where application_name = $1 and state = 'streaming' and flush_lsn >= pg_current_wal_flush_lsn()`;
  await waitUntil(async () => (await old.admin.query(behind, [to.name])).length > 0, {
    what: `${to.name} to have received everything from ${old.name}; the switchover was undone`,
    everyMs: 2,
  });
}

async function checkReceived(old: TestNode, to: TestNode): Promise<void> {
  const { checkpoint } = await readControlFile(old.dataDirectory);
  const received = async (): Promise<bigint> => {
    const [row] = await to.admin.query(
      'select greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text as lsn',
    );
    return parseLsn(String(row?.['lsn']));
  };
  // The stop waits for the standby's confirmation, so this is a check, not a wait for the network.
  await waitUntil(async () => (await received()) > checkpoint, {
    what: `${to.name} to have the last record of ${old.name} (${formatLsn(checkpoint)}); the switchover was undone`,
    everyMs: 2,
  });
}

async function takeBack(old: TestNode, others: readonly TestNode[]): Promise<void> {
  if (old.state === 'stopped') {
    await old.configure({ default_transaction_read_only: false });
    await old.start();
  } else {
    await old.configureAndConfirm('default_transaction_read_only', 'off');
  }
  await Promise.all(others.filter((node) => node.state === 'running').map((node) => node.follow(old)));
}
