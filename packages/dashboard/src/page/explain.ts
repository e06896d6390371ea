import type { Explained, Frame } from '../model/message.ts';
import { choices, el } from './dom.ts';

/** A limit of lag changes the answer without a change of the topology: it is asked for again so often, milliseconds. */
const AGAIN_MS = 5_000;

/** What a target would choose, and why not the others. */
export class Explain {
  readonly #ask: (path: string) => Promise<Response>;
  readonly #table = el('tbody');
  readonly #verdict = el('p', { class: 'verdict', attributes: { role: 'status' } });
  readonly #targets = el('fieldset', { class: 'choices', attributes: { 'aria-label': 'Target' } });
  readonly #limit = el('input', {
    attributes: {
      type: 'number',
      min: '0',
      max: '999999999',
      step: '100',
      placeholder: 'none',
      inputmode: 'numeric',
    },
  });
  #target = 'read-write';
  #version = -1;
  #askedAt = 0;
  #isAsking = false;

  constructor(place: HTMLElement, ask: (path: string) => Promise<Response>) {
    this.#ask = ask;
    this.#limit.addEventListener('change', () => void this.#refresh());
    const limit = el('label', { class: 'limit' }, 'Largest lag, ms ', this.#limit);
    const head = el(
      'tr',
      {},
      ...['Node', 'Choice', 'Why'].map((text) => el('th', { text, attributes: { scope: 'col' } })),
    );
    place.replaceChildren(
      this.#targets,
      limit,
      this.#verdict,
      el('table', {}, el('thead', {}, head), this.#table),
    );
  }

  /** Offers these targets; the chosen one stays chosen. */
  offer(targets: readonly string[]): void {
    if (!targets.includes(this.#target)) this.#target = targets[0] ?? '';
    const entries = targets.map((target) => [target, target] as const);
    choices(this.#targets, entries, this.#target, (target) => {
      this.#target = target;
      void this.#refresh();
    });
  }

  show(frame: Frame): void {
    if (frame.topologyVersion === this.#version && frame.at - this.#askedAt < AGAIN_MS) return;
    this.#version = frame.topologyVersion;
    this.#askedAt = frame.at;
    void this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const target = this.#target;
    const limit =
      this.#limit.value === '' || !this.#limit.validity.valid ? '' : `&maxLagMs=${this.#limit.value}`;
    try {
      const response = await this.#ask(`explain?target=${encodeURIComponent(target)}${limit}`);
      if (response.ok) this.#fill((await response.json()) as Explained);
    } catch {
      // The stream says that the dashboard is not there; the answer is asked for again with the next state.
    } finally {
      this.#isAsking = false;
    }
    if (target !== this.#target) await this.#refresh();
  }

  #fill({ target, nodes }: Explained): void {
    const first = nodes.filter(({ choice }) => choice === 1).map(({ node }) => node);
    this.#verdict.textContent =
      first.length === 0
        ? `No node suits ${target}: such calls wait.`
        : `${target} goes to ${first.join(' or ')}.`;
    this.#verdict.dataset['found'] = String(first.length > 0);
    this.#table.replaceChildren(
      ...nodes.map(({ node, choice, reason }) => {
        const name = el('th', { text: node, attributes: { scope: 'row' } });
        const chosen = el('td', { text: choice === null ? 'no' : String(choice) });
        return el('tr', { data: { choice: String(choice ?? '') } }, name, chosen, el('td', { text: reason }));
      }),
    );
  }
}
