import { describe, expect, it } from 'vitest';
import { logEvents } from '../../src/herd/log.ts';
import { Emitter } from '../../src/observe/emitter.ts';
import type { ClusterEvents } from '../../src/observe/events.ts';

function setUp() {
  const events = new Emitter<ClusterEvents>((name, error) => {
    throw new Error(`a listener of ${name} has failed`, { cause: error });
  });
  const lines: string[] = [];
  const at = (level: string) => (text: string) => lines.push(`${level} ${text}`);
  const off = logEvents(events, {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  });
  return { events, lines, off };
}

describe('logEvents', () => {
  it('puts events into words, escaped, until it is ended', () => {
    const { events, lines, off } = setUp();
    events.emit('primary:changed', { before: 'a:1', after: 'b:1', timeline: 2 });
    events.emit('server:notice', { node: 'a:1', severity: 'WARNING', code: '01000', message: 'x\u001b[2J' });
    expect(lines).toEqual([
      'info pgherd: writes go to b:1 on timeline 2',
      'info pgherd: a:1 says WARNING: x\\x1b[2J',
    ]);
    off();
    off();
    events.emit('primary:changed', { before: 'b:1', after: 'a:1', timeline: 3 });
    expect(lines).toHaveLength(2);
    for (const name of ['primary:changed', 'server:notice', 'lease:leaked', 'node:role-changed'] as const)
      expect(events.has(name)).toBe(false);
  });
});
