import type { Output } from '../shell/output.ts';
import type { StatusJson } from '../status/picture.ts';
import { writeStatus } from '../status/text.ts';
import { logLine } from './layout.ts';
import { significant } from './observe.ts';
import type { LogLine } from './state.ts';

/** Where a terminal can do no more, or there is none: the status once, then a line for each thing that happens; or JSON. */
export interface PlainView {
  /** The first status, and each that differs from the one before in what matters. */
  status(status: StatusJson, at: number): void;
  happened(line: LogLine): void;
}

/** A view in lines. */
export function plainView(output: Output): PlainView {
  let last: string | undefined;
  return {
    status: (status, at) => {
      const now = significant(status);
      if (now === last) return;
      output.json({ type: 'status', at: new Date(at).toISOString(), ...status });
      if (last === undefined) {
        writeStatus(output, status);
        output.line();
      }
      last = now;
    },
    happened: (line) => {
      output.json({ type: 'event', at: new Date(line.at).toISOString(), level: line.level, text: line.text });
      output.line(...logLine(line));
    },
  };
}
