import type { Frame, LogLine } from './frame.ts';
import type { DemoReport } from './report.ts';

/** Shows the progress of a demo. */
export interface DemoView {
  /** Before the workload begins: what is being waited for. */
  progress(sentence: string): void;
  /** Something has happened. */
  said(line: LogLine): void;
  /** The picture of now, four times a second. */
  frame(frame: Frame): void;
  /** The end. */
  report(report: DemoReport): void;
  /** Leaves the terminal as it was found. May be called twice. */
  close(): void;
}
