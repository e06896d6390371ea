import { describe, expect, test } from 'vitest';
import { assertAcceptable } from '../../src/herd/accepted-epoch.ts';
import { noNodeError } from '../../src/herd/no-node-error.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { unknownNode } from '../../src/topology/node.ts';
import { initialTopology } from '../../src/topology/topology.ts';
import { addressOf } from '../support/evidence.ts';

const SYSTEM = '7300000000000000001';
const OTHER = '7300000000000000002';

function primary(letter: string, facts: Partial<NodeDescription>): NodeDescription {
  return { ...unknownNode(addressOf(letter)), role: 'primary', health: 'ok', ...facts };
}

function picture(facts: Partial<TopologyDescription>): TopologyDescription {
  return { ...initialTopology([]), ...facts };
}

const nameless = picture({ nodes: [primary('a', { timeline: 3, standing: 'stale' })] });
const named = picture({
  systemIdentifier: SYSTEM,
  nodes: [primary('a', { timeline: 3, standing: 'stale', systemIdentifier: SYSTEM })],
});

describe('an epoch to go on with', () => {
  test('needs no system identifier where no node tells one', () => {
    expect(() => assertAcceptable({ timeline: 3 }, nameless, undefined)).not.toThrow();
  });

  test('needs one where the cluster is known, and the error names it', () => {
    expect(() => assertAcceptable({ timeline: 3 }, named, undefined)).toThrow(
      expect.objectContaining({
        code: 'PGHERD_INVALID_ARGUMENT',
        message: expect.stringContaining(`has no system identifier; known: ${SYSTEM}.`),
      }),
    );
    expect(() => assertAcceptable({ systemIdentifier: SYSTEM, timeline: 3 }, named, undefined)).not.toThrow();
  });

  test('needs one where nodes tell several', () => {
    const nodes = [primary('a', { systemIdentifier: SYSTEM }), primary('b', { systemIdentifier: OTHER })];
    expect(() => assertAcceptable({ timeline: 1 }, picture({ nodes }), undefined)).toThrow(
      `has no system identifier; known: ${SYSTEM} and ${OTHER}.`,
    );
  });

  test('is not one that a reachable primary is above, whether it tells its system or not', () => {
    expect(() => assertAcceptable({ timeline: 2 }, nameless, undefined)).toThrow('stop that server first');
    expect(() => assertAcceptable({ systemIdentifier: SYSTEM, timeline: 2 }, named, undefined)).toThrow(
      'stop that server first',
    );
  });

  test('is of the pinned system', () => {
    expect(() => assertAcceptable({ systemIdentifier: OTHER, timeline: 3 }, nameless, SYSTEM)).toThrow(
      'change the option',
    );
  });

  test('has a decimal system identifier and a timeline above 0', () => {
    for (const epoch of [{ systemIdentifier: '', timeline: 1 }, { timeline: 0 }, { timeline: 1.5 }]) {
      expect(() => assertAcceptable(epoch, nameless, undefined)).toThrow(
        'must have a system identifier of decimal digits',
      );
    }
  });

  test('stands in the error of a write as it has to be written', () => {
    const vain = {
      demand: { target: 'read-write' as const },
      waitedMs: 1,
      rejections: [],
      cause: undefined,
    };
    expect(noNodeError(nameless, vain).message).toContain('db.acceptEpoch({ timeline: 3 })');
    expect(noNodeError(named, vain).message).toContain(
      `db.acceptEpoch({ systemIdentifier: '${SYSTEM}', timeline: 3 })`,
    );
  });
});
