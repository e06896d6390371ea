import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { TestClusterError } from '../errors.ts';
import { PATIENCE_MS, pause } from '../wait.ts';

/** A place in a server's log. */
export interface LogMark {
  /** Bytes from the beginning of the file. */
  readonly offset: number;
}

/** A line of a server's log. */
export interface LogLine {
  readonly line: string;
  /** When the server wrote it: epoch milliseconds of its own `%m` stamp; the time of reading if the line has none. */
  readonly at: number;
}

/** How {@link ServerLog.waitFor} waits. */
export interface LogWaitOptions {
  /** Only lines after this mark, or not older than this (epoch milliseconds). Default: the whole log. */
  readonly since?: LogMark | number | undefined;
  /** In milliseconds. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Gives up at once when aborted, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The log of one server, kept over its restarts. */
export class ServerLog {
  /** Where the file lies. */
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** The present end of the log: pass it to {@link ServerLog.waitFor} as `since`. Take it *before* you cause the line. */
  mark(): LogMark {
    try {
      return { offset: statSync(this.file).size };
    } catch {
      return { offset: 0 };
    }
  }

  /**
   * Resolves with the first line that matches. The file is looked at every 2 ms.
   *
   * @throws {@link TestClusterError} when no line matched in time, with the tail of the log.
   */
  async waitFor(pattern: RegExp | string, options: LogWaitOptions = {}): Promise<LogLine> {
    const { since = { offset: 0 }, timeoutMs = PATIENCE_MS, signal } = options;
    const reader = new LineReader(this.file, typeof since === 'number' ? 0 : since.offset);
    const notBefore = typeof since === 'number' ? since : 0;
    const giveUpAt = performance.now() + timeoutMs;
    try {
      for (;;) {
        const found = reader
          .lines()
          .map(toLogLine)
          .find((each) => matches(each, pattern, notBefore));
        if (found) return found;
        signal?.throwIfAborted();
        if (performance.now() >= giveUpAt) break;
        await pause(2);
      }
    } finally {
      reader.close();
    }
    throw new TestClusterError(`Waited ${timeoutMs} ms for a line with ${String(pattern)} in ${this.file}.`, {
      logTail: this.tail(),
    });
  }

  /** All lines after a mark. Default: the whole log. */
  lines(since: LogMark = { offset: 0 }): readonly LogLine[] {
    const reader = new LineReader(this.file, since.offset);
    try {
      return reader.lines().map(toLogLine);
    } finally {
      reader.close();
    }
  }

  /** The last lines. Default 20. */
  tail(count = 20): string {
    const from = Math.max(0, this.mark().offset - 64 * 1024);
    return this.lines({ offset: from })
      .slice(-count)
      .map((each) => each.line)
      .join('\n');
  }
}

function matches(each: LogLine, pattern: RegExp | string, notBefore: number): boolean {
  if (each.at < notBefore) return false;
  return typeof pattern === 'string' ? each.line.includes(pattern) : each.line.search(pattern) >= 0;
}

function toLogLine(line: string): LogLine {
  const stamp = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT)/.exec(line);
  return { line, at: stamp ? Date.parse(`${stamp[1]}T${stamp[2]}Z`) : Date.now() };
}

/** Reads on from where it stopped; an unfinished last line waits for its rest. */
class LineReader {
  readonly #file: string;
  #offset: number;
  #fd: number | undefined;
  #rest = '';

  constructor(file: string, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  lines(): string[] {
    this.#fd ??= openIfThere(this.#file);
    if (this.#fd === undefined) return [];
    const size = fstatSync(this.#fd).size;
    if (size <= this.#offset) return [];
    const buffer = Buffer.alloc(size - this.#offset);
    const read = readSync(this.#fd, buffer, 0, buffer.length, this.#offset);
    this.#offset += read;
    const parts = (this.#rest + buffer.toString('latin1', 0, read)).split('\n');
    this.#rest = parts.pop() ?? '';
    return parts.map((part) => Buffer.from(part, 'latin1').toString('utf8'));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch {
    return undefined;
  }
}
