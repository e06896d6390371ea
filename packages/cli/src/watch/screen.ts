import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Key } from './keys.ts';
import type { Room } from './layout.ts';

const CLEAR = '\u001b[2J';
/** The second screen, no cursor, and no line that goes on in the next one. */
const ENTER = `\u001b[?1049h\u001b[?25l\u001b[?7l${CLEAR}`;
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/** A full screen on a terminal: what stood there before is there again at the end. */
export interface Screen {
  /** Draws lines from the top, each painted already; only those that differ from what is there are written. */
  draw(lines: readonly string[]): void;
  /** Clears the screen, and has all lines drawn anew. */
  redraw(): void;
  readonly room: Room;
  /** Gives the terminal back, stops this program as Ctrl-Z does, and takes the terminal again when it is continued. */
  suspend(): void;
  /** Gives the terminal back. */
  close(): void;
}

/** What happens on a screen. */
export interface ScreenEvents {
  onKey(key: Key): void;
  /** The terminal has another size, or has to be drawn for another reason. */
  onRedraw(): void;
}

/** Takes the terminal; without one to read from there are no keys. */
export function openScreen(out: WriteStream, input: ReadStream, { onKey, onRedraw }: ScreenEvents): Screen {
  let shown: readonly string[] = [];
  let isOpen = false;
  const hasKeys = input.isTTY;
  const onKeypress = (_text: string | undefined, key: Key): void => onKey(key);
  const noop = (): void => undefined;
  const enter = (): void => {
    isOpen = true;
    shown = [];
    out.write(ENTER);
    if (hasKeys) input.setRawMode(true);
  };
  const leave = (): void => {
    if (!isOpen) return;
    isOpen = false;
    if (hasKeys) input.setRawMode(false);
    out.write(LEAVE);
  };
  const redraw = (): void => {
    if (!isOpen) return;
    shown = [];
    out.write(CLEAR);
    onRedraw();
  };
  enter();
  process.on('exit', leave);
  out.on('resize', redraw);
  if (hasKeys) {
    emitKeypressEvents(input);
    input.on('keypress', onKeypress).on('error', noop).resume();
  }
  return {
    draw: (lines) => {
      // A terminal that takes nothing now gets the next picture.
      if (!isOpen || out.writableNeedDrain) return;
      const changed = lines.flatMap((line, row) =>
        line === shown[row] ? [] : [`\u001b[${row + 1};1H\u001b[K${line}`],
      );
      shown = lines;
      if (changed.length > 0) out.write(changed.join(''));
    },
    redraw,
    get room() {
      // A terminal that does not know its size says 0.
      return { columns: out.columns || 80, rows: out.rows || 24 };
    },
    suspend: () => {
      // Windows has no such signal.
      if (process.platform === 'win32') return;
      leave();
      // The whole group, as the terminal does. Where there is no shell to come back to, it stops nothing.
      process.kill(0, 'SIGTSTP');
      setImmediate(() => {
        enter();
        onRedraw();
      });
    },
    close: () => {
      leave();
      process.off('exit', leave);
      out.off('resize', redraw);
      if (hasKeys) input.off('keypress', onKeypress).pause();
    },
  };
}
