/** How a piece of a terminal's line looks. */
export interface TerminalStyle {
  /** One of the eight colours, 0 to 7; `undefined` for the usual one. */
  readonly color: number | undefined;
  readonly isBold: boolean;
  readonly isFaint: boolean;
}

/** Characters of one line that look alike, and the column in which they begin. */
export interface TerminalRun extends TerminalStyle {
  readonly column: number;
  readonly text: string;
}

/** A picture of a terminal. */
export interface TerminalPicture {
  /** What was typed. */
  readonly command: string;
  /** Whether the first line says it; a full screen has no such line. */
  readonly hasPrompt: boolean;
  /** What it shows, for those who cannot see it. */
  readonly description: string;
  readonly lines: readonly (readonly TerminalRun[])[];
}

const CELL = Object.freeze({ width: 8.4, height: 19, fontSize: 14 });
const MARGIN = 18;
/** A picture is at least so wide, in columns. */
const LEAST_COLUMNS = 60;
const BACKGROUND = '#11161d';
const FOREGROUND = '#d5dbe3';
const FAINT = '#8792a2';
/** Black, red, green, yellow, blue, magenta, cyan, white: light enough for the background. */
const COLORS = Object.freeze([
  '#5c6773',
  '#ff7b72',
  '#7ee787',
  '#e3b341',
  '#79c0ff',
  '#d2a8ff',
  '#76d9e6',
  '#f0f3f6',
]);
const FONTS = "ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace";

/** The picture as SVG. Pure: the same lines make the same file. */
export function terminalSvg({ command, hasPrompt, description, lines }: TerminalPicture): string {
  const shown = withoutEnd(hasPrompt ? [promptLine(command), ...lines] : lines);
  const columns = Math.max(LEAST_COLUMNS, ...shown.map(widthOfLine));
  const width = Math.round(2 * MARGIN + columns * CELL.width);
  const height = Math.round(2 * MARGIN + shown.length * CELL.height);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escaped(command)}</title>`,
    `<desc>${escaped(description)}</desc>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="${FONTS}" font-size="${CELL.fontSize}" fill="${FOREGROUND}">`,
    ...shown.flatMap((line, row) =>
      line.some(({ text }) => text.trim() !== '') ? [lineSvg(line, row)] : [],
    ),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function promptLine(command: string): readonly TerminalRun[] {
  const usual = { color: undefined, isBold: false, isFaint: false };
  return [
    { ...usual, column: 0, text: '$ ', isFaint: true },
    { ...usual, column: 2, text: command, isBold: true },
  ];
}

function widthOfLine(line: readonly TerminalRun[]): number {
  return Math.max(0, ...line.flatMap(piecesOf).map(({ column, text }) => column + text.length));
}

/** Empty lines at the end show nothing. */
function withoutEnd(lines: TerminalPicture['lines']): TerminalPicture['lines'] {
  const last = lines.findLastIndex((line) => line.some(({ text }) => text.trim() !== ''));
  return lines.slice(0, last + 1);
}

function lineSvg(line: readonly TerminalRun[], row: number): string {
  const y = MARGIN + row * CELL.height + CELL.fontSize;
  return `<text y="${y}">${line.flatMap(piecesOf).map(runSvg).join('')}</text>`;
}

/** The parts of a run between its blanks: each gets a place of its own, so that columns stay below each other in every font. */
function piecesOf(run: TerminalRun): readonly TerminalRun[] {
  return [...run.text.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    ...run,
    column: run.column + match.index,
    text: match[0],
  }));
}

function runSvg({ column, text, color, isBold, isFaint }: TerminalRun): string {
  const fill = color === undefined ? (isFaint ? FAINT : undefined) : COLORS[color];
  const attributes = [
    `x="${number(MARGIN + column * CELL.width)}"`,
    `textLength="${number(text.length * CELL.width)}"`,
    ...(fill === undefined ? [] : [`fill="${fill}"`]),
    ...(isBold ? ['font-weight="bold"'] : []),
  ];
  return `<tspan ${attributes.join(' ')}>${escaped(text)}</tspan>`;
}

function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
