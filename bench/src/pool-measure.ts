import { collector } from './collect.ts';
import { type Cycles, openCycles } from './pool-cycles.ts';
import { median } from './statistics.ts';

/** What a pool costs: an element of what `--json` prints. */
export interface PoolFigure extends Pick<Cycles, 'pool' | 'way'> {
  /** Processor time for taking and giving back once, ns: neighbours on the machine do not count. */
  readonly nsPerCycle: number;
  readonly bytesPerCycle: number;
  readonly runs: number;
}

/** Times that are measured together. */
export const CYCLES = 100_000;
/** So few that what they allocate fits into the young generation, which was emptied before. */
const CYCLES_OF_ALLOCATION = 1_000;

/** Measures all ways in turn, so that what the machine does besides falls on all. */
export async function measurePools(runs: number, cycles: number): Promise<PoolFigure[]> {
  const samples = (await openCycles()).map((one) => ({ one, ns: [] as number[], bytes: [] as number[] }));
  for (const { one } of samples) await one.run(cycles);
  const collect = collector();
  for (let run = 0; run < runs; run++) {
    for (const { one, ns, bytes } of samples) {
      ns.push(await nsPerCycle(one, cycles));
      bytes.push(await bytesPerCycle(one, collect));
    }
  }
  return samples.map(({ one, ns, bytes }) => ({
    pool: one.pool,
    way: one.way,
    nsPerCycle: Math.round(median(ns) ?? Number.NaN),
    bytesPerCycle: Math.round(median(bytes) ?? Number.NaN),
    runs,
  }));
}

async function nsPerCycle({ run }: Cycles, cycles: number): Promise<number> {
  const before = process.cpuUsage();
  await run(cycles);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / cycles;
}

/** What measuring itself allocates is taken off. */
async function bytesPerCycle({ run }: Cycles, collect: () => void): Promise<number> {
  const used = async (times: number) => {
    collect();
    const before = process.memoryUsage().heapUsed;
    await run(times);
    return process.memoryUsage().heapUsed - before;
  };
  return ((await used(CYCLES_OF_ALLOCATION)) - (await used(0))) / CYCLES_OF_ALLOCATION;
}
