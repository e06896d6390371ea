import { createTestCluster, type PromotionResult, type TestCluster, type TestNode } from '@pgherd/testing';
import { inApp } from './app-session.ts';
import type { BenchClient } from './client.ts';
import type { ClientKind } from './clients.ts';
import { Load, type LoadOptions } from './load.ts';
import type { ReadyPrograms } from './peer-programs.ts';
import type { Mode, Scenario } from './scenarios.ts';
import { confirmedAt, type Step, type StepTimes, stepTimes } from './steps.ts';
import { judge, type TrialResult } from './verdict.ts';

/** What is tried. */
export interface TrialPlan {
  readonly scenario: Scenario;
  readonly mode: Mode;
  readonly client: ClientKind;
  readonly load: LoadOptions;
  /** Whether the client's steps are recorded. */
  readonly steps: boolean;
  readonly programs?: ReadyPrograms | undefined;
}

/** What came of it. */
export interface TrialReport {
  /** What the client says that it is. */
  readonly version: string | undefined;
  readonly result: TrialResult;
  readonly steps: StepTimes;
  /** Messages of the calls that failed, with their numbers. */
  readonly errors: ReadonlyMap<string, number>;
}

/** Load before the fault, so that connections are open and plans are made, ms. */
const WARM_UP_MS = 1_000;
/** Load after the first write, and after the old primary came back, ms. */
const AFTERWARDS_MS = 500;
/**
 * How long an idle client has had nothing to do when the primary is lost, ms: longer than any pause between
 * probes.
 */
const IDLE_MS = 3_000;
/** How long an idle client is given to find out, ms. */
const FIND_OUT_MS = 10_000;

/** No key: a row that was written twice is to be seen. */
const TABLE = 'create table bench_write (id int not null, at timestamptz not null default clock_timestamp())';

/** One trial on a cluster of its own, so that none inherits anything from the one before. */
export async function runTrial(plan: TrialPlan): Promise<TrialReport> {
  await using cluster = await createTestCluster({ ...plan.mode.cluster, ...plan.scenario.cluster });
  await inApp(cluster.primary, TABLE);
  // A standby that goes over to a new timeline receives the whole segment again, up to 16 MB: a time that is
  // the server's.
  await cluster.primary.sql('select pg_switch_wal()');
  const steps: Step[] = [];
  const note = plan.steps ? (step: Step) => void steps.push(step) : undefined;
  const client = await plan.client.open(cluster, { note, programs: plan.programs });
  const load = new Load(client, plan.client, plan.load);
  await pause(WARM_UP_MS);
  const lose = plan.scenario.idle ? loseThePrimaryIdle : loseThePrimary;
  const { struckAt, promotion, lastWorkAt } = await lose(plan, cluster, load, client);
  const { promoted, demoted, readyAt } = promotion;
  await pause(AFTERWARDS_MS);
  const revived = await revive(plan.scenario, demoted);
  await load.stop();
  await client.close();
  const { calls } = load;
  const [promotedPort, demotedPort] = [promoted.directPort, demoted.directPort];
  const newRows = await idsOf(promoted, 'true');
  const oldRows = revived ? await idsOf(demoted, `at > to_timestamp(${readyAt} / 1000.0)`) : [];
  const moments = { struckAt, readyAt, lastWorkAt };
  const result = judge({ ...moments, calls, promotedPort, demotedPort, newRows, oldRows });
  return {
    version: client.version,
    result,
    steps: stepTimes(steps, `${promoted.host}:${promoted.port}`, readyAt, confirmedAt(promoted.log, readyAt)),
    errors: countErrors(calls.flatMap((call) => call.error ?? [])),
  };
}

interface Loss {
  readonly struckAt: number;
  readonly promotion: PromotionResult;
  readonly lastWorkAt: number | undefined;
}

/** The fault, the promotion, and the wait for the first write. */
async function loseThePrimary(plan: TrialPlan, cluster: TestCluster, load: Load): Promise<Loss> {
  const { scenario } = plan;
  const old = cluster.primary;
  const startWatch = await scenario.watch?.(old);
  const struckAt = await scenario.strike(old);
  const watch = startWatch?.();
  try {
    const promotion = await scenario.replace(cluster);
    await load.firstFrom(promotion.promoted.directPort, plan.load.giveUpMs);
    return { struckAt, promotion, lastWorkAt: watch && ((await watch.stop()) ?? struckAt) };
  } finally {
    await watch?.stop();
  }
}

/** The fault while the client has nothing to do; work comes when it has found out, or has not for long. */
async function loseThePrimaryIdle(
  plan: TrialPlan,
  cluster: TestCluster,
  load: Load,
  client: BenchClient,
): Promise<Loss> {
  const { scenario } = plan;
  const old = cluster.primary;
  const index = cluster.nodes.indexOf(old);
  await load.pause();
  await pause(IDLE_MS);
  const struckAt = await scenario.strike(old);
  const giveUpAt = struckAt + FIND_OUT_MS;
  while (Date.now() < giveUpAt && (await client.offers?.(index)) === true) await pause(5);
  const lastWorkAt = Date.now();
  load.resume();
  const promotion = await scenario.replace(cluster);
  await load.firstFrom(promotion.promoted.directPort, plan.load.giveUpMs);
  return { struckAt, promotion, lastWorkAt };
}

/** The old primary goes on as if nothing had happened, and the load with it. */
async function revive(scenario: Scenario, old: TestNode): Promise<boolean> {
  if (scenario.revive === undefined) return false;
  await scenario.revive(old);
  await pause(AFTERWARDS_MS);
  return true;
}

/** Rows of the table, asked of the server itself. */
async function idsOf(node: TestNode, where: string): Promise<number[]> {
  const rows = await inApp(node, `select id from bench_write where ${where}`);
  return rows.map((row) => Number(row['id']));
}

function countErrors(messages: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const message of messages) counts.set(message, (counts.get(message) ?? 0) + 1);
  return counts;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
