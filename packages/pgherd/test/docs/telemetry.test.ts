import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/telemetry/metrics.ts';

const docs = new URL('../../../../docs/', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, docs), 'utf8');

/** The name of a metric, or of a part of a histogram. */
const NAME = /\bpgherd_\w+\b/g;
const known = new Set(
  Object.values(METRICS).flatMap(({ prometheus: name, kind }) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

function namesIn(text: string): string[] {
  return [...new Set(text.match(NAME) ?? [])].sort();
}

describe('docs/telemetry.md', () => {
  it('has a row for every metric, as the code says', () => {
    const rows = Object.values(METRICS).map(
      ({ otel, prometheus, kind, labels, help }) =>
        `| \`${prometheus}\` | \`${otel}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    );
    const lines = textOf('telemetry.md').split('\n');
    expect(lines.filter((line) => line.startsWith('| `pgherd_'))).toEqual(rows);
  });
});

describe('docs/grafana', () => {
  it('the dashboard shows metrics that exist, and every one of them', () => {
    const text = textOf('grafana/pgherd.json');
    const names = namesIn(text);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    const shown = (name: string) =>
      names.some((one) => one === name || one.replace(/_(bucket|sum|count)$/, '') === name);
    expect(
      Object.values(METRICS)
        .map(({ prometheus }) => prometheus)
        .filter((name) => !shown(name)),
    ).toEqual([]);
  });

  it('the alerts use metrics that exist, and each leads to a heading of the runbook', () => {
    const text = textOf('grafana/alerts.yaml');
    const names = namesIn(text);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
    const anchors = [...text.matchAll(/docs\/runbook\.md#([\w-]+)/g)].map(([, anchor]) => anchor);
    const headings = textOf('runbook.md').match(/^## .*$/gm) ?? [];
    const slugs = new Set(headings.map((line) => line.slice(3).toLowerCase().replaceAll(' ', '-')));
    expect(anchors).toHaveLength(text.split('- alert:').length - 1);
    expect(anchors.filter((anchor) => !slugs.has(anchor ?? ''))).toEqual([]);
  });
});
