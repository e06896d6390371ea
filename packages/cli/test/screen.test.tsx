import { render } from 'ink-testing-library';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../src/demo/frame.ts';
import { ratesOf } from '../src/demo/frame.ts';
import { Ledger } from '../src/demo/ledger.ts';
import { Screen, SMALLEST } from '../src/demo/screen.tsx';
import { isLargeEnough } from '../src/demo/terminal.tsx';
import { sampleFrame } from './samples.ts';

/** What stands on a terminal of this size, line by line. */
function shown(frame: Frame, columns: number, rows: number): string[] {
  const app = render(<Screen frame={frame} columns={columns} rows={rows} />);
  return (app.lastFrame() ?? '').split('\n');
}

describe('Screen', () => {
  it('shows nodes, rates, the strip with its events, and the newest log lines', () => {
    const text = shown(sampleFrame(), 100, 30).join('\n');
    expect(text).toContain('10.0 s of 20 s');
    expect(text).toContain('The primary is killed');
    expect(text).toMatch(/● node1 +primary +ok +current +2 +- +8 +3/);
    expect(text).toMatch(/○ node2 +standby +ok +current +≥ 2 +12 kB 1\.5 ms +8 +3/);
    expect(text).toMatch(/× node3 +unknown +offline +stale/);
    expect(text).toMatch(/writes +100\/s +p50 +4\.0 ms +p99 +4\.0 ms +█/);
    expect(text).toMatch(/writes +█+▄+▁+█+·+/);
    expect(text).toContain('1 lost  2 back  3 switchover  4 killed');
    expect(text).toContain('number 19');
  });

  it.each([
    { columns: 200, rows: 60 },
    { columns: 100, rows: 30 },
    { columns: 80, rows: 24 },
    { columns: 60, rows: 24 },
    { columns: 80, rows: 18 },
    SMALLEST,
  ])('keeps within $columns × $rows', ({ columns, rows }) => {
    const lines = shown(sampleFrame({ failed: 3 }), columns, rows);
    expect(lines.length).toBeLessThan(rows);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(columns);
    expect(lines.join('\n')).toContain('● node1');
    expect(lines.join('\n')).toContain('failed 3');
  });

  it('gives up the less important columns first', () => {
    const head = shown(sampleFrame(), 60, 24).find((line) => line.startsWith('node'));
    expect(head).toContain('timeline');
    expect(head).not.toContain('conns');
  });

  it('can show the very first moment', () => {
    const empty = sampleFrame({ atMs: 0, rates: ratesOf(new Ledger(), 0), started: [], log: [], nodes: [] });
    expect(shown(empty, 80, 24).join('\n')).toContain('0.0 s of 20 s');
  });
});

it.each([
  [80, 24, true],
  [40, 24, false],
  [80, 10, false],
])('a terminal of %d × %d is large enough: %s', (columns, rows, expected) => {
  expect(isLargeEnough({ columns, rows })).toBe(expected);
});
