import { describe, expect, it } from 'vitest';
import { isSilent, SilenceWatch } from '../../src/herd/silence-watch.ts';
import { CONNECT_FAILURES } from '../../src/model/names.ts';
import type { NodeDescription } from '../../src/model/topology.ts';
import { describedNode } from '../support/nodes.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const SILENT: Partial<NodeDescription> = { health: 'suspect', seenAt: undefined, connectFailure: undefined };

describe('a node from which no byte came', () => {
  it('has not answered, and did not refuse with a word', () => {
    const quiet = CONNECT_FAILURES.filter((connectFailure) =>
      isSilent({ seenAt: undefined, connectFailure }),
    );
    expect(quiet).toEqual(['refused', 'unreachable', 'name-not-found', 'timeout']);
    expect(isSilent({ seenAt: undefined, connectFailure: undefined })).toBe(true);
    expect(isSilent({ seenAt: 5, connectFailure: 'timeout' })).toBe(false);
  });
});

describe('calls that wait', () => {
  function watched(one: Partial<NodeDescription> = SILENT) {
    const clock = virtualClock();
    const state = { waits: true, one, said: [] as string[] };
    const watch = new SilenceWatch({
      clock,
      nodes: () => [
        describedNode('a', { ...SILENT, healthReason: 'refused \u001b[2J' }),
        describedNode('b', state.one),
      ],
      callsWait: () => state.waits,
      warn: (message) => state.said.push(message),
    });
    return { clock, state, watch };
  }

  it('while all nodes are silent are reported once, with the reasons, after a second', async () => {
    const { clock, state, watch } = watched();
    for (let round = 0; round < 3; round++) {
      watch.callWaits();
      watch.callWaits();
      await clock.advance(999);
      expect(state.said).toHaveLength(Math.min(1, round));
      await clock.advance(1);
    }
    expect(state.said).toEqual([expect.stringMatching(/^calls wait, .* a:5432: refused .*; b:5432: /)]);
    expect(state.said[0]).not.toContain('\u001b');
    expect(clock.pending).toBe(0);
  });

  it('are not while a node has said something, in time', async () => {
    const refusing = { ...SILENT, connectFailure: 'authentication' } as const;
    const { clock, state, watch } = watched(refusing);
    watch.callWaits();
    expect(clock.pending).toBe(0);
    state.one = SILENT;
    watch.callWaits();
    state.one = refusing;
    await clock.advance(1_000);
    state.one = SILENT;
    watch.callWaits();
    state.waits = false;
    await clock.advance(1_000);
    expect(state.said).toEqual([]);
    watch.callWaits();
    watch.stop();
    expect(clock.pending).toBe(0);
  });
});
