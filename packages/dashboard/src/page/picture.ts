import type { Frame } from '../model/message.ts';
import { Card } from './card.ts';
import type { NodeColors } from './colors.ts';
import { el, setText } from './dom.ts';
import { type Arrow, layoutOf } from './layout.ts';

const SVG = 'http://www.w3.org/2000/svg';
/** How long a card takes to its new place, milliseconds. */
const MOVE_MS = 450;

/** The picture of the cluster: cards, which are buttons, and arrows behind them. */
export class Picture {
  readonly #place: HTMLElement;
  readonly #rows = el('div', { class: 'rows' });
  readonly #empty = el('p', { class: 'no-primary', text: 'no node takes writes: they wait' });
  readonly #further = el('p', { class: 'quiet' });
  readonly #arrows = document.createElementNS(SVG, 'svg');
  readonly #cards = new Map<string, Card>();
  readonly #colors: NodeColors;
  readonly #onOpen: (node: string) => void;
  #shownArrows: readonly Arrow[] = [];
  #order = '';

  constructor(place: HTMLElement, colors: NodeColors, onOpen: (node: string) => void) {
    this.#place = place;
    this.#colors = colors;
    this.#onOpen = onOpen;
    this.#arrows.setAttribute('class', 'arrows');
    this.#arrows.setAttribute('aria-hidden', 'true');
    place.replaceChildren(this.#arrows, this.#rows, this.#further);
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  show(frame: Frame): void {
    const nodes = frame.nodes.filter(({ aliasOf }) => aliasOf === null);
    const { rows, arrows } = layoutOf(frame.nodes, frame.writable);
    for (const name of [...this.#cards.keys()])
      if (!nodes.some((node) => node.name === name)) this.#cards.delete(name);
    for (const node of nodes) this.#card(node.name).show(node, node.name === frame.writable);
    this.#arrange(rows);
    this.#empty.hidden = (rows[0]?.length ?? 0) > 0 || frame.status === 'resting';
    setText(this.#further, frame.furtherNodes === 0 ? '' : `and ${frame.furtherNodes} further nodes`);
    this.#shownArrows = arrows;
    this.#draw();
  }

  #card(name: string): Card {
    const known = this.#cards.get(name);
    if (known !== undefined) return known;
    const card = new Card(this.#colors.indexOf(name), () => this.#onOpen(name));
    this.#cards.set(name, card);
    return card;
  }

  /** Puts cards into their rows; those that move are seen to move. */
  #arrange(rows: readonly (readonly string[])[]): void {
    const order = JSON.stringify(rows);
    if (order === this.#order) return;
    this.#order = order;
    const focused = document.activeElement;
    const before = new Map(
      [...this.#cards.values()].map((card) => [card, card.element.getBoundingClientRect()]),
    );
    this.#rows.replaceChildren(
      ...rows.map((names, index) => {
        const cards = names.flatMap((name) => this.#cards.get(name)?.element ?? []);
        const row = el(
          'ul',
          { class: 'row', attributes: { 'aria-label': index === 0 ? 'Primary' : 'Standbys' } },
          ...cards,
        );
        return index === 0 ? el('div', {}, row, this.#empty) : row;
      }),
    );
    if (focused instanceof HTMLElement && this.#rows.contains(focused))
      focused.focus({ preventScroll: true });
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    for (const [card, from] of before) move(card.element, from, () => this.#draw());
  }

  #draw(): void {
    const frame = this.#place.getBoundingClientRect();
    this.#arrows.setAttribute('viewBox', `0 0 ${frame.width} ${frame.height}`);
    const isStacked = getComputedStyle(this.#place).getPropertyValue('--stacked').trim() === '1';
    const paths = this.#shownArrows.flatMap((arrow) => {
      const from = this.#cards.get(arrow.from)?.box.getBoundingClientRect();
      const to = this.#cards.get(arrow.to)?.box.getBoundingClientRect();
      if (from === undefined || to === undefined) return [];
      return arrowShapes(arrow, within(from, frame), within(to, frame), isStacked);
    });
    this.#arrows.replaceChildren(...paths);
  }
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function within({ left, top, width, height }: DOMRect, frame: DOMRect): Box {
  return { left: left - frame.left, top: top - frame.top, width, height };
}

/** A curve from the lower edge of one card to the upper edge of the other; where cards stand above each other, one around their left edges. */
function arrowShapes({ from, to, kind }: Arrow, a: Box, b: Box, isStacked: boolean): SVGElement[] {
  const shape = (tag: string, attributes: Readonly<Record<string, string>>): SVGElement => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries({ ...attributes, 'data-from': from, 'data-to': to }))
      element.setAttribute(name, value);
    return element;
  };
  if (isStacked) {
    const [y1, y2, x] = [a.top + a.height / 2, b.top + b.height / 2, Math.max(4, b.left - 16)];
    const d = `M${a.left},${y1} H${x + 8} Q${x},${y1} ${x},${y1 + 8} V${y2 - 8} Q${x},${y2} ${x + 8},${y2} H${b.left - 6}`;
    return [
      shape('path', { class: `arrow ${kind}`, d }),
      shape('path', { class: `tip ${kind}`, d: `M${b.left},${y2} l-8,-5 v10 z` }),
    ];
  }
  const [x1, y1, x2, y2] = [a.left + a.width / 2, a.top + a.height, b.left + b.width / 2, b.top - 4];
  const half = (y1 + y2) / 2;
  return [
    shape('path', { class: `arrow ${kind}`, d: `M${x1},${y1} C${x1},${half} ${x2},${half} ${x2},${y2 - 4}` }),
    shape('path', { class: `tip ${kind}`, d: `M${x2},${y2 + 3} l-5,-8 h10 z` }),
  ];
}

/** Lets an element go from where it was to where it is; `during` is called for each picture of the way. */
function move(element: HTMLElement, from: DOMRect, during: () => void): void {
  if (from.width === 0) return;
  const to = element.getBoundingClientRect();
  const [x, y] = [from.left - to.left, from.top - to.top];
  if (Math.abs(x) < 1 && Math.abs(y) < 1) return;
  const moving = element.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: 'none' }], {
    duration: MOVE_MS,
    easing: 'ease-in-out',
  });
  const follow = (): void => {
    during();
    if (moving.playState === 'running') requestAnimationFrame(follow);
  };
  requestAnimationFrame(follow);
  void moving.finished.then(during, during);
}
