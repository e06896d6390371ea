import { parseArgs } from 'node:util';
import type { Driver } from 'pgherd/connection';
import { Engine, Herd, POLICY_NAMES, type PolicyName, resolveSettings } from 'pgherd/internal';
import { median } from './statistics.ts';

const NODES = 3;
const CHOICES = 500_000;
/**
 * Choices between two statements that are measured: under traffic, the times that policies look at are fresh.
 */
const BATCH = 10_000;
const USAGE = `Usage: npm run bench:routing -- [options]

Measures what it costs to choose one of ${NODES} standbys, by the code that serves every call.

  --runs N   runs of ${CHOICES} choices for each policy, at least 5 (default 9)
  --json     print an array for programs instead of a table
`;

interface Figure {
  readonly policy: PolicyName;
  readonly nodes: number;
  readonly nsPerChoice: number;
  readonly runs: number;
}

/** An engine that knows a primary and three standbys, all measured; no connection is ever opened. */
function engineWith(policy: PolicyName): Engine {
  const names = Array.from({ length: NODES + 1 }, (_, at) => `node${at}`);
  const driver: Driver = {
    name: 'never',
    capabilities: { parameterStatus: true, transactionStatus: true },
    connect: () => new Promise<never>(() => undefined),
  };
  const url = `postgres://app@${names.join(',')}/shop`;
  const settings = resolveSettings({ url, policy, env: {} }, driver);
  const herd = new Herd(settings);
  herd.start();
  for (const [index, host] of names.entries()) {
    const now = settings.clock.now();
    const inRecovery = index > 0;
    herd.observe({
      kind: 'probe-answered',
      node: `${host}:5432`,
      at: now,
      askedAt: now - 0.2 * (index + 1),
      generation: 0,
      facts: {
        inRecovery,
        readOnly: false,
        systemIdentifier: '7300000000000000001',
        timeline: inRecovery ? undefined : 1,
        timelineAtLeast: 1,
        recoveryTimeline: inRecovery ? 1 : undefined,
        uptimeMs: undefined,
        walSenders: undefined,
        acceptEpoch: undefined,
        lsn: 1_000n,
        receivedLsn: inRecovery ? 1_000n : undefined,
        replayAgeMs: inRecovery ? 5 : undefined,
        postmasterStartedAt: `170000000000000${index}`,
        backendPid: undefined,
        clockUs: undefined,
        serverVersion: 180_004,
      },
    });
  }
  return new Engine(herd);
}

/** Nanoseconds of processor time of one choice, over many: neighbours on the machine do not count. */
function nsPerChoice(engine: Engine): number {
  let microseconds = 0;
  for (let done = 0; done < CHOICES; done += BATCH) {
    for (const node of engine.herd.nodes.values()) node.inFlight.ended(node.inFlight.start(), true);
    const before = process.cpuUsage();
    chooseOften(engine, BATCH);
    const { user, system } = process.cpuUsage(before);
    microseconds += user + system;
  }
  return (microseconds * 1_000) / CHOICES;
}

/** Each choice is for a demand of its own, as `startCall` makes it. */
function chooseOften(engine: Engine, times: number): void {
  for (let turn = 0; turn < times; turn++) {
    const picked = engine.sessions.pick({
      target: 'standby',
      fallback: undefined,
      node: undefined,
      tags: undefined,
      maxLagMs: undefined,
      maxLagBytes: undefined,
      allowStale: undefined,
      primaryReads: false,
    });
    if (picked === undefined) throw new Error('no node was chosen');
  }
}

function measure(policy: PolicyName, runs: number): Figure {
  const engine = engineWith(policy);
  const found = engine.herd.select({ target: 'standby' }).tiers[0]?.length;
  if (found !== NODES) throw new Error(`${found} nodes are to be chosen from, not ${NODES}`);
  nsPerChoice(engine);
  const samples = Array.from({ length: runs }, () => nsPerChoice(engine));
  return { policy, nodes: NODES, nsPerChoice: Math.round(median(samples) ?? Number.NaN), runs };
}

function main(): void {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '9' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (values.help || !Number.isInteger(runs) || runs < 5) {
    process.stdout.write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const figures = POLICY_NAMES.map((policy) => measure(policy, runs));
  if (values.json) {
    process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
    return;
  }
  for (const { policy, nsPerChoice: ns } of figures) {
    process.stdout.write(
      `${policy.padEnd(18)} ${String(ns).padStart(5)} ns of ${NODES} nodes, median of ${runs}\n`,
    );
  }
}

main();
// Monitors that were made and never started hold nothing, but a benchmark ends when its figures are out.
process.exit();
