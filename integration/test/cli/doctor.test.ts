import { readFileSync } from 'node:fs';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../src/cli.ts';
import { GOOD, type Planted } from '../../src/doctor/faults.ts';
import { PLANTS } from '../../src/doctor/plants.ts';
import { POOLER_CASES } from '../../src/doctor/poolers.ts';
import { allCaughtUp, nameOf, restore } from '../../src/support.ts';

interface Doctor {
  readonly asked: readonly string[];
  readonly findings: readonly {
    readonly rule: string;
    readonly node: string | null;
    readonly severity: string;
    readonly evidence: string;
  }[];
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, settings: GOOD });
  await allCaughtUp(cluster);
});
afterEach(() => restore(cluster));
afterAll(() => cluster?.close());

async function examined({
  url = cluster.url,
  args = [],
  env = {},
}: Planted = {}): Promise<Doctor & { code: number | null; err: string }> {
  const { out, err, code } = await cli(['doctor', url, '--json', ...args], { env });
  expect(out, err).not.toBe('');
  return { ...(JSON.parse(out) as Doctor), code, err };
}

/** As `docs/cli.md` names them, which has them all. */
function rules(): string[] {
  const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  const [, table = ''] = page.split('\n| rule |');
  const [rows = ''] = table.split('\n## ', 1);
  const names = [...rows.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) => cell.split(', '));
  return names.map((name) => name.replaceAll('`', ''));
}

describe('pgherd doctor', () => {
  it('is silent on a good cluster', async () => {
    const { findings, code, asked, err } = await examined({ env: { PGPASSWORD: 'app' } });
    expect(findings).toEqual([]);
    expect([...asked].sort()).toEqual(cluster.nodes.map(nameOf).sort());
    expect(code).toBe(0);
    expect(err).not.toMatch(/warning/i);
  });

  it('has a fault of real servers for each of its rules', () => {
    const planted = new Set([
      ...PLANTS.map(({ rule }) => rule),
      ...POOLER_CASES.flatMap(({ rules }) => rules),
    ]);
    expect([...planted].sort()).toEqual(rules().sort());
  });

  for (const { rule, as = '', needs = true, plant } of PLANTS) {
    it.runIf(needs)(`finds ${rule}${as && `: ${as}`}`, async () => {
      const planted = await plant(cluster);
      try {
        const { findings, code } = await examined(planted);
        expect(findings.map((finding) => finding.rule)).toContain(rule);
        expect(code).toBe(1);
      } finally {
        await planted.undo?.();
      }
    });
  }
});
