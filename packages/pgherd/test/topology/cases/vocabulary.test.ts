import { describe, expect, it } from 'vitest';
import { CONNECT_FAILURES, HEALTHS, ROLES, STANDINGS, TARGETS } from '../../../src/model/names.ts';
import type { ObservationKind } from '../../../src/model/observation.ts';
import type { TopologyChange } from '../../../src/topology/diff.ts';
import { DISPOSITIONS } from '../../../src/topology/disposition.ts';
import { readCaseFiles } from './files.ts';
import type { Expected } from './format.ts';

const CASES = readCaseFiles().flatMap((file) => file.cases);
const PHASES = CASES.flatMap((one) => one.phases);
const OBSERVATIONS = PHASES.flatMap((phase) =>
  phase.see.flatMap((step) => (step.kind === 'observe' ? [step.observation] : [])),
);
const KINDS: Readonly<Record<ObservationKind, true>> = {
  'probe-answered': true,
  'probe-missed': true,
  'probe-failed': true,
  'connect-failed': true,
  parameters: true,
  'start-shown': true,
  'address-alternates': true,
  'bytes-received': true,
};
const CHANGES: Readonly<Record<TopologyChange['kind'], true>> = {
  role: true,
  health: true,
  standing: true,
  primary: true,
  added: true,
  removed: true,
  replaced: true,
  'several-servers': true,
  'split-brain': true,
  foreign: true,
  'floor-withdrawn': true,
  'epoch-written': true,
  contest: true,
};

/** The texts that cases expect of a field of a node. */
function expectedOf(field: string): readonly unknown[] {
  const fields = PHASES.flatMap((phase) => Object.values(phase.expect.nodes));
  const known = fields.flatMap((one): readonly Expected[] => (one[field] === undefined ? [] : [one[field]]));
  return known.map((one) => (one.kind === 'value' ? one.value : String(one.pattern)));
}

function expectAll(found: readonly unknown[], wanted: readonly string[]): void {
  expect(wanted.filter((one) => !found.includes(one))).toEqual([]);
}

describe('some case speaks of every', () => {
  it('kind of evidence', () => {
    expectAll(
      OBSERVATIONS.map((one) => one.kind),
      Object.keys(KINDS),
    );
  });

  it('failure to connect', () => {
    const failures = OBSERVATIONS.map((one) => (one.kind === 'connect-failed' ? one.failure : ''));
    expectAll(failures, CONNECT_FAILURES);
  });

  it('role, health and standing', () => {
    expectAll(expectedOf('role'), ROLES);
    expectAll(expectedOf('health'), HEALTHS);
    expectAll(expectedOf('standing'), STANDINGS);
  });

  it('target, with no node, one tier, and more than one', () => {
    const served = PHASES.flatMap((phase) => phase.expect.serves);
    for (const target of TARGETS) {
      const tiers = served.filter((one) => one.asked.target === target).map((one) => one.tiers);
      expect(tiers).toContain('');
      expect(tiers.some((one) => /^\w+$/.test(one))).toBe(true);
    }
    expect(served.some(({ tiers }) => tiers.includes(' '))).toBe(true);
  });

  it('change that is told', () => {
    const words = PHASES.flatMap((phase) => phase.expect.events ?? []).map((text) => text.split(' ')[0]);
    expectAll(words, Object.keys(CHANGES));
  });

  it('disposition of connections', () => {
    const words = PHASES.flatMap((phase) => Object.values(phase.expect.connections ?? {}).flat());
    expectAll(
      words,
      DISPOSITIONS.filter((one) => one !== 'keep'),
    );
  });
});
