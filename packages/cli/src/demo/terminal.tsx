import type { WriteStream } from 'node:tty';
import { render } from 'ink';
import type { Paint } from '../shell/paint.ts';
import { renderReport } from './report.ts';
import { Screen, SMALLEST } from './screen.tsx';
import type { DemoView } from './view.ts';

const ENTER_SCREEN = '\u001b[?1049h\u001b[H';
const LEAVE_SCREEN = '\u001b[?1049l\u001b[?25h';

/** Whether the live picture has room. */
export function isLargeEnough({ columns, rows }: Pick<WriteStream, 'columns' | 'rows'>): boolean {
  return columns >= SMALLEST.columns && rows >= SMALLEST.rows;
}

/** The live picture, on the terminal's second screen: what stood on the first one is there again at the end. */
export function terminalView(stdout: WriteStream, paint: Paint): DemoView {
  let app: ReturnType<typeof render> | undefined;
  let isClosed = false;
  const leave = (): void => {
    stdout.write(LEAVE_SCREEN);
  };
  const close = (): void => {
    isClosed = true;
    if (app === undefined) return;
    app.unmount();
    app = undefined;
    leave();
    process.off('exit', leave);
  };
  return {
    progress: (sentence) => {
      stdout.write(`${sentence}\n`);
    },
    said: () => undefined,
    frame: (frame) => {
      if (isClosed) return;
      const screen = <Screen frame={frame} columns={stdout.columns} rows={stdout.rows} />;
      if (app !== undefined) return app.rerender(screen);
      stdout.write(ENTER_SCREEN);
      process.on('exit', leave);
      app = render(screen, { stdout, exitOnCtrlC: false, patchConsole: false });
    },
    report: (report) => {
      stdout.write(`${renderReport(report, paint)}\n`);
    },
    close,
  };
}
