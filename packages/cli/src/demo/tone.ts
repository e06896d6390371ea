import type { Tone } from '../shell/paint.ts';

/** Properties of Ink's `Text` for a tone. */
export function toneProps(tone: Tone): { readonly color?: string; readonly dimColor?: boolean } {
  switch (tone) {
    case 'good':
      return { color: 'green' };
    case 'plain':
      return { color: 'cyan' };
    case 'warning':
      return { color: 'yellow' };
    case 'bad':
      return { color: 'red' };
    case 'faint':
      return { dimColor: true };
    default:
      return tone satisfies never;
  }
}
