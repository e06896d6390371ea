import { expect, it } from 'vitest';
import { axisMarks, lineOfMarks, runsOf, sparkline } from '../src/demo/chart.ts';

it.each([
  [[], ''],
  [[0, 0], '  '],
  [[0, 1, 4, 8], ' ▁▄█'],
  [[1, 1_000], '▁█'],
])('the sparkline of %j is "%s"', (values, expected) => expect(sparkline(values)).toBe(expected));

it('puts neighbours together', () => {
  expect(runsOf(['a', 'a', 'b', 'a'])).toEqual([
    { value: 'a', count: 2 },
    { value: 'b', count: 1 },
    { value: 'a', count: 1 },
  ]);
});

it('writes labels into their columns and drops what has no room', () => {
  const marks = [
    { column: 0, label: '0 s' },
    { column: 3, label: 'touches' },
    { column: 6, label: '5 s' },
    { column: 18, label: '10 s' },
  ];
  expect(lineOfMarks(marks, 20)).toBe('0 s   5 s');
});

it.each([
  { durationMs: 20_000, width: 70, labels: ['0 s', '5 s', '10 s', '15 s', '20 s'] },
  { durationMs: 60_000, width: 70, labels: ['0 s', '10 s', '20 s', '30 s', '40 s', '50 s', '60 s'] },
])('the axis of $durationMs ms has round seconds', ({ durationMs, width, labels }) => {
  expect(axisMarks(durationMs, width).map(({ label }) => label)).toEqual(labels);
});
