/** How a piece of text is meant; terminals show it by colour. */
export type Tone = 'good' | 'plain' | 'warning' | 'bad' | 'faint';

/** Colours text for a terminal, or leaves it alone. */
export type Paint = (tone: Tone | 'strong', text: string) => string;

const CODES: Readonly<Record<Tone | 'strong', readonly [number, number]>> = {
  good: [32, 39],
  plain: [36, 39],
  warning: [33, 39],
  bad: [31, 39],
  faint: [2, 22],
  strong: [1, 22],
};

/** With colours, by ANSI escape sequences. */
export const inColor: Paint = (tone, text) => {
  const [on, off] = CODES[tone];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

/** Without. */
export const withoutColor: Paint = (_tone, text) => text;
