import { scaleBand } from 'd3-scale';
import { element, svg, text } from './svg.ts';

/** Width of a figure, and of the names before its panels, px: the site shows it at 600 at most. */
const WIDTH = 600;
const NAMES = 92;
const GAP = 22;
const ROW = 15;
const HEAD = 40;
const FOOT = 10;
const LEGEND = 22;

/** The room of one panel; its rows are named on the left of the leftmost panel. */
export interface Panel {
  readonly left: number;
  readonly width: number;
  readonly top: number;
  readonly height: number;
  /** Middle of a row. */
  readonly middleOf: (row: string) => number;
}

/** What a figure consists of. */
export interface PanelsPlan<P> {
  readonly title: string;
  readonly rows: readonly string[];
  readonly panels: readonly P[];
  readonly columns: number;
  /** Markup of the line above the panels, in the uppermost {@link LEGEND} pixels. */
  readonly legend: readonly string[];
  readonly heading: (panel: P) => string;
  readonly draw: (panel: P, room: Panel) => readonly string[];
}

/** Small panels of the same rows, side by side and below each other. */
export function renderPanels<P>(plan: PanelsPlan<P>): string {
  const { rows, panels, columns, legend } = plan;
  const width = (WIDTH - NAMES - GAP * (columns - 1) - 8) / columns;
  const height = rows.length * ROW;
  const band = scaleBand([...rows], [0, height]);
  const parts = [...legend];
  panels.forEach((panel, index) => {
    const left = NAMES + (index % columns) * (width + GAP);
    const top = LEGEND + HEAD + Math.floor(index / columns) * (height + HEAD + FOOT);
    const middleOf = (row: string) => top + (band(row) ?? 0) + ROW / 2;
    if (index % columns === 0) {
      for (const row of rows) parts.push(text(row, NAMES - 8, middleOf(row) + 4, styleOf(row)));
    }
    parts.push(text(plan.heading(panel), left, top - 20, 'strong'));
    parts.push(...plan.draw(panel, { left, width, top, height, middleOf }));
  });
  const below = Math.ceil(panels.length / columns) * (height + HEAD + FOOT);
  return svg(WIDTH, LEGEND + below, plan.title, parts);
}

function styleOf(row: string): string {
  return row === 'pgherd' ? 'small strong end' : 'small end';
}

/** A line through all rows, with its value above. */
export function gridLine({ top, height }: Panel, x: number, label: string): string[] {
  return [
    element('path', { class: 'grid', d: `M${x.toFixed(1)} ${top} V${top + height}` }),
    text(label, x, top - 5, 'small middle'),
  ];
}
