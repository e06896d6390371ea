import { lineText, type Span, wrapLine } from './line.ts';
import { inColor, type Paint, withoutColor } from './paint.ts';
import { jsonText, printable } from './printable.ts';
import { cutTo } from './width.ts';

/** Where a command writes to. */
export interface Output {
  /** Whether the command was asked for JSON; then {@link line} has no effect. */
  readonly isJson: boolean;
  /** Width of the terminal, characters; `Infinity` if there is none. */
  readonly columns: number;
  /** How texts are painted there. */
  readonly paint: Paint;
  /** A line for people, on standard output. */
  line(...spans: readonly Span[]): void;
  /** The same, broken between words where the terminal is too narrow; each line begins with the indent. */
  wrapped(indent: string, ...spans: readonly Span[]): void;
  /** One object on one line of standard output, if JSON was asked for. */
  json(value: object): void;
  /** Whether a line can be replaced by the next one. */
  readonly isLive: boolean;
  /** A line for people that the next one replaces; where that cannot be, a line. */
  live(text: string): void;
  /** A line on standard error, whatever was asked for. */
  note(text: string): void;
}

const CLEAR_LINE = '\r\u001b[K';

/** The parts of a stream that an output needs. */
export interface Sink {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** What decides how an output looks. */
export interface OutputOptions {
  readonly json: boolean;
  /** `false` for `--no-color`. */
  readonly color: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** An output over the standard streams. */
export function outputOn(out: Sink, err: Sink, { json, color, env }: OutputOptions): Output {
  const paint: Paint = hasColor(out, color, env) ? inColor : withoutColor;
  const isLive = out.isTTY === true && env['TERM'] !== 'dumb' && !json;
  // A terminal that does not know its width says 0.
  const columns = out.isTTY === true ? out.columns || 80 : Number.POSITIVE_INFINITY;
  let isReplaced = false;
  const cleared = (): string => {
    const clear = isReplaced ? CLEAR_LINE : '';
    isReplaced = false;
    return clear;
  };
  const line = (...spans: readonly Span[]): void => {
    if (!json) out.write(`${cleared()}${lineText(spans, paint)}\n`);
  };
  return {
    isJson: json,
    isLive,
    columns,
    paint,
    line,
    wrapped: (indent, ...spans) => {
      for (const part of wrapLine(spans, columns, indent)) line(...part);
    },
    live: (text) => {
      if (json) return;
      const shown = cutTo(text, columns - 1);
      out.write(isLive ? `${cleared()}${shown}` : `${shown}\n`);
      isReplaced = isLive;
    },
    json: (value) => {
      if (json) out.write(`${jsonText(value)}\n`);
    },
    note: (text) => {
      err.write(`${printable(text)}\n`);
    },
  };
}

/** Whether colours are welcome: `NO_COLOR` counts if it is set and not empty (https://no-color.org). */
export function hasColor(out: Sink, color: boolean, env: OutputOptions['env']): boolean {
  return color && out.isTTY === true && env['TERM'] !== 'dumb' && (env['NO_COLOR'] ?? '') === '';
}
