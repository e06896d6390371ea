import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CALL_OPTIONS } from '../../src/call/call-option-names.ts';
import type { CallChange, CallEnd, InterceptedCall } from '../../src/call/interceptor.ts';
import type { TracingMessages } from '../../src/channels/channels.ts';
import type { CollectOptions } from '../../src/integrations/prometheus.ts';
import type { InstrumentOptions } from '../../src/telemetry/otel-options.ts';

const textOf = (page: string) => readFileSync(new URL(`../../../../docs/${page}`, import.meta.url), 'utf8');

/** The part of a page below a heading, down to the next one of its rank. */
function section(page: string, heading: string): string {
  const [, rest] = textOf(page).split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`${page} has no heading ${heading}`);
  return rest.split('\n## ')[0] ?? '';
}

/** What stands as code in the first column of the tables. */
function rowsOf(text: string): string[] {
  const cells = text.split('\n').flatMap((line) => /^\| ((?:`[\w.:]+`(?:, )?)+) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));
}

/** The names of all properties: the compiler demands each of them, and no other. */
const namesOf = <T extends object>(names: Record<keyof T & string, true>) => Object.keys(names).sort();

describe('docs/observing.md', () => {
  const common = { cluster: true, error: true } as const;
  const times = {
    node: true,
    attempts: true,
    durationMs: true,
    waitedMs: true,
    retriedMs: true,
    ranMs: true,
  } as const;
  const fields: { readonly [N in keyof TracingMessages]: Record<keyof TracingMessages[N], true> } = {
    'pgherd:query': {
      ...common,
      ...times,
      verb: true,
      scope: true,
      text: true,
      texts: true,
      target: true,
      shared: true,
      rowCount: true,
    },
    'pgherd:transaction': {
      ...common,
      target: true,
      isolation: true,
      readOnly: true,
      attempts: true,
      node: true,
      outcome: true,
    },
    'pgherd:acquire': { ...common, target: true, node: true },
    'pgherd:connect': { ...common, node: true, host: true, port: true, purpose: true },
    'pgherd:probe': { ...common, node: true },
  };

  it.each(
    Object.entries(fields),
  )('has a row for the channel %s, with every field of its messages', (channel, names) => {
    const row = section('observing.md', 'Diagnostics channels')
      .split('\n')
      .find((line) => line.startsWith(`| \`${channel}\` |`));
    const shown = [...(row ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    expect(Object.keys(names).filter((name) => !shown.includes(name))).toEqual([]);
  });

  it('has every part of a call that interceptors see, change and learn', () => {
    const names = [
      ...namesOf<InterceptedCall>({ verb: true, scope: true, text: true, values: true, options: true }),
      ...namesOf<CallChange>({ text: true, values: true, comment: true }),
      ...namesOf<CallEnd>({
        node: true,
        attempts: true,
        rowCount: true,
        durationMs: true,
        waitedMs: true,
        retriedMs: true,
        ranMs: true,
      }),
    ];
    const text = section('observing.md', 'Interceptors');
    expect(names.filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b`).test(text))).toEqual([]);
  });
});

describe('docs/telemetry.md', () => {
  it('has every option of instrument, and no other', () => {
    const expected = namesOf<InstrumentOptions>({
      clusters: true,
      spans: true,
      metrics: true,
      metricProducer: true,
      queryText: true,
      acquireSpans: true,
      connectSpans: true,
    });
    const [options = ''] = section('telemetry.md', 'OpenTelemetry').split('A statement is one span');
    expect(rowsOf(options).sort()).toEqual(expected);
  });

  it('has every option of collectMetrics, and no other', () => {
    const expected = namesOf<CollectOptions>({ register: true, clusters: true, onError: true });
    expect(rowsOf(section('telemetry.md', 'Prometheus')).sort()).toEqual(expected);
  });
});

describe('docs/options.md', () => {
  it('has every option of a call, and no other', () => {
    expect(rowsOf(section('options.md', 'Per call')).sort()).toEqual([...CALL_OPTIONS].sort());
  });
});
