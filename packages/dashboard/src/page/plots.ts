import uPlot from 'uplot';
import type { Mark } from '../model/message.ts';
import { type NodeColors, styleColor } from './colors.ts';
import { el, setText } from './dom.ts';
import type { Line, PlotKind } from './plot-kinds.ts';
import type { State } from './state.ts';

const HEIGHT = 150;
/** Shortest time that a plot shows, seconds. */
const SHORTEST_S = 60;
/** The cursors of all plots stand at one time. */
const SYNC = uPlot.sync('time');

/** One plot with its legend, which also says its present values to those who do not see it. */
export class Plot {
  readonly element: HTMLElement;
  readonly #kind: PlotKind;
  readonly #canvas = el('div', { class: 'canvas', attributes: { 'aria-hidden': 'true' } });
  readonly #legend = el('ul', { class: 'legend' });
  #chart: uPlot | undefined;
  #shape = '';
  #lines: readonly Line[] = [];
  #marks: readonly Mark[] = [];

  constructor(kind: PlotKind) {
    this.#kind = kind;
    const caption = el(
      'figcaption',
      {},
      el('h3', { text: kind.title }),
      el('span', { class: 'quiet', text: kind.unit }),
    );
    this.element = el('figure', { class: 'plot' }, caption, this.#canvas, this.#legend);
    new ResizeObserver(([entry]) => {
      if (entry !== undefined) this.#chart?.setSize({ width: entry.contentRect.width, height: HEIGHT });
    }).observe(this.#canvas);
  }

  /** Shows the last `rangeMs`; `isRestyled` after a change of the colours. */
  show(state: State, colors: NodeColors, rangeMs: number, isRestyled: boolean): void {
    this.#lines = this.#kind.lines(state, colors);
    this.#marks = state.marks;
    const shape = JSON.stringify(this.#lines.map(({ label, color }) => [label, color]));
    const at = state.history.at.map((ms) => ms / 1_000);
    const data = [at, ...this.#lines.map(({ values }) => values)] as uPlot.AlignedData;
    const max = at.at(-1) ?? 0;
    // A short history fills the plot, down to a minute.
    const min = Math.max(max - rangeMs / 1_000, Math.min(at[0] ?? max, max - SHORTEST_S));
    if (shape !== this.#shape || isRestyled || this.#chart === undefined) {
      this.#shape = shape;
      this.#chart?.destroy();
      this.#chart = new uPlot(this.#options(), data, this.#canvas);
    } else this.#chart.setData(data, false);
    this.#chart.setScale('x', { min, max });
    this.#showLegend(this.#chart.cursor.idx ?? undefined);
  }

  #options(): uPlot.Options {
    const { text, least, steps } = this.#kind.measure;
    const axis = {
      stroke: styleColor('--ink-quiet'),
      grid: { stroke: styleColor('--grid'), width: 1 },
      ticks: { show: false },
    };
    const font = `11px ${styleColor('--font')}`;
    return {
      width: this.#canvas.clientWidth || 300,
      height: HEIGHT,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC.key }, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { y: { range: (_plot, _min, max) => [0, Math.max(least, max * 1.1)] } },
      axes: [
        { ...axis, font, size: 24, space: 70, values: (_plot, ticks) => ticks.map(clockText) },
        {
          ...axis,
          font,
          size: 56,
          space: 32,
          values: (_plot, ticks) => ticks.map((tick) => text(tick)),
          ...(steps === undefined ? {} : { incrs: steps }),
        },
      ],
      series: [
        {},
        ...this.#lines.map(({ label, color }) => ({
          label,
          stroke: styleColor(color),
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: {
        drawClear: [(plot) => drawMarks(plot, this.#marks)],
        setCursor: [(plot) => this.#showLegend(plot.cursor.idx ?? undefined)],
      },
    };
  }

  /** The values where the cursor is, or the newest ones. */
  #showLegend(index: number | undefined): void {
    while (this.#legend.children.length > this.#lines.length) this.#legend.lastElementChild?.remove();
    this.#lines.forEach(({ label, color, values }, position) => {
      const text = this.#kind.measure.text(index === undefined ? values.at(-1) : values[index]);
      const entry = this.#legend.children[position] ?? this.#legend.appendChild(legendEntry());
      const [key, name, value] = entry.children as unknown as [HTMLElement, HTMLElement, HTMLElement];
      key.style.background = `var(${color})`;
      setText(name, label);
      setText(value, text);
    });
  }
}

function legendEntry(): HTMLElement {
  const key = el('span', { class: 'key', attributes: { 'aria-hidden': 'true' } });
  return el('li', {}, key, el('span'), el('b'));
}

function clockText(seconds: number): string {
  const time = new Date(seconds * 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Behind the lines: from when on there was no primary, and a line for each new one. */
function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const place = (at: number): number => {
    const x = plot.valToPos(at / 1_000, 'x', true);
    return Math.min(bbox.left + bbox.width, Math.max(bbox.left, x));
  };
  const isShown = (x: number): boolean => x > bbox.left && x < bbox.left + bbox.width;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  marks.forEach(({ at, primary }, index) => {
    const x = place(at);
    if (primary === null) {
      const end = place(marks[index + 1]?.at ?? Number.MAX_SAFE_INTEGER);
      ctx.fillStyle = styleColor('--mark-area');
      ctx.fillRect(x, bbox.top, end - x, bbox.height);
    } else if (isShown(x)) {
      ctx.strokeStyle = styleColor('--mark');
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
  });
  ctx.restore();
}
