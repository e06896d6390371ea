import type { EventLine } from '../model/message.ts';
import { choices, el } from './dom.ts';
import { timeText } from './format.ts';

const LEVELS = [
  ['all', 'All'],
  ['warn', 'Warnings'],
] as const;
type Shown = (typeof LEVELS)[number][0];

/** What happened, newest first. */
export class EventLog {
  readonly #place: HTMLElement;
  #lines: readonly EventLine[] = [];
  #shown: Shown = 'all';

  constructor(place: HTMLElement, levels: HTMLElement) {
    this.#place = place;
    // It scrolls: by keyboard too.
    place.tabIndex = 0;
    choices(levels, LEVELS, 'all', (shown) => {
      this.#shown = shown;
      this.#fill();
    });
  }

  show(lines: readonly EventLine[]): void {
    if (lines === this.#lines) return;
    const isLonger = lines.length > this.#lines.length && lines[0] === this.#lines[0];
    const added = isLonger ? lines.slice(this.#lines.length) : [];
    this.#lines = lines;
    if (isLonger && this.#place.dataset['empty'] !== 'true')
      this.#place.prepend(
        ...added
          .filter((line) => this.#isShown(line))
          .map(lineElement)
          .reverse(),
      );
    else this.#fill();
  }

  #fill(): void {
    const shown = this.#lines.filter((line) => this.#isShown(line));
    this.#place.dataset['empty'] = String(shown.length === 0);
    const nothing = el('li', { class: 'quiet', text: 'Nothing has happened so far.' });
    this.#place.replaceChildren(...(shown.length === 0 ? [nothing] : shown.map(lineElement).reverse()));
  }

  #isShown({ level }: EventLine): boolean {
    return this.#shown === 'all' || level !== 'info';
  }
}

/** One line, as the log and the details of a node show it. */
export function lineElement({ at, level, text, more }: EventLine): HTMLElement {
  const time = el('time', { text: timeText(at), attributes: { datetime: new Date(at).toISOString() } });
  const alike = more === 0 ? '' : ` (and ${more} more like this)`;
  const words = el('span', { class: 'words' });
  if (level !== 'info') words.append(el('span', { class: 'level', text: level }), ' ');
  words.append(`${text}${alike}`);
  return el('li', { class: 'event', data: { level } }, time, words);
}
