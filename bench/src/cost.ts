import { parseArgs } from 'node:util';
import { boundsOf } from './cost-bounds.ts';
import type { Cost } from './counted-nodes.ts';
import { type FleetPlan, type FleetRecord, rateOf, runFleet } from './fleet.ts';

const USAGE = `Usage: npm run bench:cost -- [options]

What many clients cost the servers: real clusters on a virtual clock, over servers that count, through a failover.

  --processes N   clients (default 1000)
  --nodes N       servers (default 3)
  --without MS    from the loss of the primary to the promotion (default 3000)
  --waiting N     writes that wait in each client for the new primary (default 10)
  --traffic MS    pause between two reads of each client (default: no reads)
  --seed N        the dice (default 1)
  --json          print an array for programs
`;

interface Row {
  readonly phase: string;
  readonly node: string;
  readonly cost: Cost;
  readonly mean: number;
  readonly peak: number;
}

const COSTS: readonly Cost[] = ['probe', 'long-poll', 'monitor-connect', 'pool-connect', 'validation'];
/** Time until all clients have started and settled, ms. */
const SETTLED_MS = 5_000;

function rows(record: FleetRecord): Row[] {
  const { lostAt, promotedAt, rejoinedAt, endedAt } = record;
  const phases = [
    { phase: 'start', from: 0, to: SETTLED_MS },
    { phase: 'rest', from: SETTLED_MS, to: lostAt },
    { phase: 'no primary', from: lostAt, to: promotedAt },
    { phase: 'new primary', from: promotedAt, to: rejoinedAt },
    { phase: 'old one back', from: rejoinedAt, to: endedAt },
  ];
  const nodes = [
    ['lost', 'n0'],
    ['promoted', 'n1'],
    ['other', 'n2'],
  ] as const;
  return phases.flatMap(({ phase, from, to }) =>
    nodes.flatMap(([name, node]) =>
      COSTS.map((cost) => ({ phase, node: name, cost, ...rateOf(record.charges, node, cost, from, to) })),
    ),
  );
}

function print(plan: FleetPlan, record: FleetRecord): void {
  const lines = rows(record)
    .filter(({ peak }) => peak > 0)
    .map(({ phase, node, cost, mean, peak }) =>
      [
        phase.padEnd(14),
        node.padEnd(10),
        cost.padEnd(16),
        mean.toFixed(1).padStart(9),
        String(peak).padStart(9),
      ].join(' '),
    );
  const bounds = boundsOf({
    processes: plan.processes,
    intervalMs: 1_000,
    timeoutMs: 1_000,
    poolMax: 10,
    maxConnections: 1_000,
  });
  const at = (share: number) => record.firstWrites[Math.ceil(record.firstWrites.length * share) - 1] ?? 0;
  process.stdout.write(
    `${plan.processes} clients, ${plan.nodes} nodes, seed ${plan.seed}; per second and node\n` +
      `phase          node       what                  mean      peak\n${lines.join('\n')}\n` +
      `first write after the promotion: median ${at(0.5)} ms, last client ${at(1)} ms\n` +
      `bounds: ${Object.entries(bounds)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}\n`,
  );
}

function planOf(args: readonly string[]): { readonly plan: FleetPlan; readonly json: boolean } | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      processes: { type: 'string', default: '1000' },
      nodes: { type: 'string', default: '3' },
      without: { type: 'string', default: '3000' },
      waiting: { type: 'string', default: '10' },
      traffic: { type: 'string' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const plan = {
    processes: count('processes', values.processes, 1),
    nodes: count('nodes', values.nodes, 3),
    seed: count('seed', values.seed, 0),
    withoutPrimaryMs: count('without', values.without, 1),
    waitingCalls: count('waiting', values.waiting, 1),
    trafficEveryMs: values.traffic === undefined ? undefined : count('traffic', values.traffic, 1),
  };
  return { plan, json: values.json };
}

function count(option: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${option} is ${text}, but must be a whole number from ${least} on.`);
}

async function main(): Promise<void> {
  let asked: ReturnType<typeof planOf>;
  try {
    asked = planOf(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (asked === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const record = await runFleet(asked.plan);
  if (asked.json) process.stdout.write(`${JSON.stringify(rows(record), undefined, 2)}\n`);
  else print(asked.plan, record);
}

await main();
