import { describe, expect, it } from 'vitest';
import type { Failure } from '../src/demo/ledger.ts';
import { isGood, renderReport, toJson } from '../src/demo/report.ts';
import { inColor } from '../src/shell/paint.ts';
import { sampleReport } from './samples.ts';

const good = sampleReport().verification;

describe('renderReport', () => {
  it('tells each event, the totals, the verdict and how it was checked', () => {
    const text = renderReport(sampleReport());
    expect(text).toMatch(/^primary killed +62 ms +80 ms +1\.23 s +9\.5 ms +0 +0$/m);
    expect(text).toContain('20.0 s, 8,000 writes acknowledged (400/s), 16,000 reads answered (800/s).');
    expect(text).toContain('All promises kept: 0 acknowledged writes lost, 0 done twice, 0 calls failed.');
    expect(text).toContain('Checked by reading back all 8,000 acknowledged writes');
    expect(text).toContain('No write had an unknown outcome.');
  });

  it('keeps to 80 columns, also with long reasons', () => {
    const failure: Failure = {
      kind: 'write',
      outcome: 'unknown',
      id: 1,
      atMs: 1,
      tookMs: 1,
      reason: `PGHERD_OUTCOME_UNKNOWN: ${'a long story '.repeat(20)}`,
    };
    const text = renderReport(sampleReport({ unknownOutcome: 2 }, { failures: [failure, failure] }));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toContain('2 × write unknown: PGHERD_OUTCOME_UNKNOWN: a long story');
  });

  it('says how many reasons it leaves out', () => {
    const failures = Array.from({ length: 12 }, (_, index): Failure => {
      return {
        kind: 'read',
        outcome: 'failed',
        id: undefined,
        atMs: 1,
        tookMs: 1,
        reason: `reason ${index}`,
      };
    });
    expect(renderReport(sampleReport({ failedReads: 12 }, { failures }))).toContain('and 4 other reasons');
  });

  it('uses colours only when asked to', () => {
    const csi = '\u001b[';
    expect(renderReport(sampleReport())).not.toContain(csi);
    expect(renderReport(sampleReport(), inColor)).toContain(`${csi}32mAll promises kept`);
    expect(renderReport(sampleReport({ failedWrites: 1 }), inColor)).toContain(`${csi}31mPROMISES BROKEN`);
  });
});

describe('isGood', () => {
  it.each([
    { title: 'nothing', report: sampleReport(), expected: true },
    { title: 'an unknown outcome', report: sampleReport({ unknownOutcome: 3 }), expected: true },
    { title: 'a failed write', report: sampleReport({ failedWrites: 1 }), expected: false },
    { title: 'a failed read', report: sampleReport({ failedReads: 1 }), expected: false },
    {
      title: 'a lost write',
      report: sampleReport({}, { verification: { ...good, lost: 1 } }),
      expected: false,
    },
    {
      title: 'a duplicate',
      report: sampleReport({}, { verification: { ...good, duplicated: 1 } }),
      expected: false,
    },
    {
      title: 'an executed failure',
      report: sampleReport({}, { verification: { ...good, failedExecuted: 1 } }),
      expected: false,
    },
    {
      title: 'a wrong balance',
      report: sampleReport({}, { verification: { ...good, balance: 1 } }),
      expected: false,
    },
  ])('$title: $expected', ({ report, expected }) => {
    expect(isGood(report)).toBe(expected);
  });
});

describe('toJson', () => {
  it('has exactly the promised members, in whole milliseconds', () => {
    const json = toJson(sampleReport({ unknownOutcome: 2 }, { durationMs: 20_000.7 }));
    expect(Object.keys(json)).toEqual(['events', 'acknowledged', 'lost', 'duplicated', 'durationMs']);
    expect(json.durationMs).toBe(20_001);
    expect(json.events[0]).toEqual({
      name: 'undisturbed',
      writeStallMs: 12,
      readStallMs: 1_235,
      failedWrites: 0,
      failedReads: 0,
      unknownOutcome: 2,
    });
  });
});
