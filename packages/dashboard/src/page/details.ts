import type { EventLine, NodeFrame } from '../model/message.ts';
import { el } from './dom.ts';
import { lineElement } from './events.ts';
import { bytesText, countText, msText } from './format.ts';
import type { State } from './state.ts';

/** Lines of the log that the details of a node show. */
const MOST_LINES = 30;

/** All that is known of one node, beside the page. */
export class Details {
  readonly #dialog: HTMLDialogElement;
  readonly #title = el('h2', { attributes: { id: 'details-title' } });
  readonly #facts = el('dl');
  readonly #events = el('ol', { class: 'events' });
  #node: string | undefined;
  #shown = '';

  constructor(dialog: HTMLDialogElement) {
    this.#dialog = dialog;
    const close = el('button', { class: 'plain', text: 'Close', attributes: { type: 'button' } });
    close.addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', (event) => {
      // Beside the box, which covers the dialog.
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener('close', () => {
      this.#node = undefined;
    });
    const head = el('div', { class: 'bar' }, this.#title, close);
    dialog.replaceChildren(
      el('div', { class: 'box' }, head, this.#facts, el('h3', { text: 'Events' }), this.#events),
    );
  }

  open(node: string, state: State): void {
    this.#node = node;
    this.#shown = '';
    this.show(state);
    this.#dialog.showModal();
  }

  show({ frame, events }: State): void {
    if (this.#node === undefined) return;
    const node = frame.nodes.find(({ name }) => name === this.#node);
    const facts =
      node === undefined ? [['State', 'not on the list any more'] as const] : factsOf(node, frame.nodes);
    const lines = events.filter((line) => line.node === this.#node).slice(-MOST_LINES);
    const shown = JSON.stringify([facts, lines]);
    // A selected text stays selected while nothing changes.
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#title.textContent = this.#node;
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value]) => [el('dt', { text: name }), el('dd', { text: value })]),
    );
    this.#events.replaceChildren(...linesOrNone(lines));
  }
}

function linesOrNone(lines: readonly EventLine[]): HTMLElement[] {
  if (lines.length === 0) return [el('li', { class: 'quiet', text: 'None so far.' })];
  return lines.map(lineElement).reverse();
}

type Fact = readonly [name: string, value: string];

function factsOf(node: NodeFrame, nodes: readonly NodeFrame[]): readonly Fact[] {
  const { pool } = node;
  const aliases = nodes.filter(({ aliasOf }) => aliasOf === node.name).map(({ name }) => name);
  const facts: readonly (Fact | undefined)[] = [
    ['Role', node.role],
    ['Health', node.health],
    ['Standing', node.standing],
    given('Since', dateText(node.since)),
    given('Why', node.reason),
    given('Also known as', aliases.length === 0 ? null : aliases.join(', ')),
    given('Timeline', timelineText(node)),
    given(node.role === 'standby' ? 'Replayed up to' : 'Written up to', node.lsn),
    given('Receives from', node.upstream),
    node.role === 'standby' ? ['Lag', `${bytesText(node.lagBytes)}, ${msText(node.lagMs)}`] : undefined,
    ['Round trip of probes', msText(node.rttMs)],
    given('PostgreSQL', node.version),
    given('Started', dateText(node.startedAt)),
    given('Zone', node.zone),
    given(
      'Tags',
      node.tags.length === 0 ? null : node.tags.map(([name, value]) => `${name}=${value}`).join(', '),
    ),
    ['Pool', `${pool.used} used, ${pool.idle} idle, at most ${pool.max}; ${pool.waiting} calls wait`],
    [
      'Statements',
      `${node.inFlight} in flight, ${countText(node.answered)} answered, ${countText(node.failures)} failed`,
    ],
    given(
      'Connections',
      node.connections === null
        ? null
        : `${node.connections} of ${node.maxConnections ?? '?'}, of all clients`,
    ),
  ];
  return facts.filter((fact) => fact !== undefined);
}

/** What the control file of a standby shows is a lower bound. */
function timelineText({ role, timeline }: NodeFrame): string | null {
  if (timeline === null) return null;
  return role === 'standby' ? `${timeline} or later` : String(timeline);
}

function dateText(text: string | null): string | null {
  return text === null ? null : new Date(text).toLocaleString();
}

function given(name: string, value: string | null): Fact | undefined {
  return value === null ? undefined : [name, value];
}
