import { msText, secondsText } from '../shell/numbers.ts';
import { type Paint, withoutColor } from '../shell/paint.ts';
import type { Frame, LogLine } from './frame.ts';
import { renderReport, toJson } from './report.ts';
import type { DemoView } from './view.ts';

/** Writes text somewhere. */
export type Write = (text: string) => void;

/** Time between two lines of numbers, milliseconds. */
const STATUS_EVERY_MS = 2_000;

/** Plain lines, for files, pipes and terminals that cannot do more. */
export function plainView(write: Write, paint: Paint = withoutColor): DemoView {
  let nextStatusMs = STATUS_EVERY_MS;
  return {
    progress: (sentence) => write(`${sentence}\n`),
    said: (line) => write(`${logText(line)}\n`),
    frame: (frame) => {
      if (frame.atMs < nextStatusMs) return;
      nextStatusMs += STATUS_EVERY_MS;
      write(`${paint('faint', statusText(frame))}\n`);
    },
    report: (report) => write(`\n${renderReport(report, paint)}\n`),
    close: () => undefined,
  };
}

/** One JSON object on `write`; what happens meanwhile, and the reasons of every failure, on `writeAside`. */
export function jsonView(write: Write, writeAside: Write): DemoView {
  const aside = plainView(writeAside);
  return {
    ...aside,
    frame: () => undefined,
    report: (report) => {
      aside.report(report);
      write(`${JSON.stringify(toJson(report))}\n`);
    },
  };
}

/** A line of the log: time, subject, event. */
export function logText({ atMs, by, text }: LogLine): string {
  return `${secondsText(atMs).padStart(6)} s  ${by === 'demo' ? '▸' : ' '} ${text}`;
}

function statusText(frame: Frame): string {
  const rates = frame.rates.map(
    ({ label, perSecond, p50Ms, p99Ms }) =>
      `${label} ${perSecond}/s (p50 ${orDash(p50Ms)}, p99 ${orDash(p99Ms)})`,
  );
  const nodes = frame.nodes.map(({ name, role, health }) => `${name} ${health === 'ok' ? role : health}`);
  return `${secondsText(frame.atMs).padStart(6)} s    ${rates.join(', ')}; ${nodes.join(', ')}`;
}

function orDash(ms: number | undefined): string {
  return ms === undefined ? '-' : msText(ms);
}
