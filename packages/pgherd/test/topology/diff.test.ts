import { describe, expect, it } from 'vitest';
import type { NodeDescription } from '../../src/model/topology.ts';
import { affectsRouting } from '../../src/topology/diff.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';

/** Primaries that have answered, without a timeline. */
const PRIMARY = { role: 'primary', rttMs: 1 } as const;
/** Their timeline is yet to come: a server that returns its identity returns that too. */
const WITH_IDENTITY = describedNode('a', { ...PRIMARY, systemIdentifier: '1', postmasterStartedAt: '1' });
/** Their server never returns a timeline. */
const WITHOUT = describedNode('a', {
  ...PRIMARY,
  systemIdentifier: undefined,
  postmasterStartedAt: undefined,
});
const STANDBY = describedNode('a', { role: 'standby', rttMs: 1 });

describe('whether a selection may come out differently', () => {
  it.each<[string, NodeDescription, NodeDescription, boolean]>([
    ['a server that returns no timeline may be written to now', WITH_IDENTITY, WITHOUT, true],
    ['a server whose timeline is yet to come may not be any more', WITHOUT, WITH_IDENTITY, true],
    ['its role changed', STANDBY, { ...STANDBY, role: 'primary' }, true],
    ['its health changed', STANDBY, { ...STANDBY, health: 'suspect' }, true],
    ['only its round trip changed', STANDBY, { ...STANDBY, rttMs: 2 }, false],
    ['nothing changed', STANDBY, STANDBY, false],
  ])('%s', (_what, before, after, expected) => {
    expect(affectsRouting(pictureOf([before]), pictureOf([after]))).toBe(expected);
  });
});
