import type { NodeFrame } from '../model/message.ts';
import { el, setText } from './dom.ts';
import { lagText, msText } from './format.ts';

/** A node in the picture. */
export class Card {
  readonly element: HTMLLIElement;
  readonly #button = el('button', { class: 'card', attributes: { type: 'button' } });
  readonly #name = el('span', { class: 'card-name' });
  readonly #role = el('span', { class: 'chip' });
  readonly #health = el('span', { class: 'health' });
  readonly #facts = el('span', { class: 'facts' });
  readonly #reason = el('span', { class: 'reason' });
  readonly #meter = el('span', { class: 'meter', attributes: { 'aria-hidden': 'true' } });
  readonly #pool = el('span', { class: 'facts' });
  readonly #lag = el('span', { class: 'lag' });

  constructor(color: number, onOpen: () => void) {
    const swatch = el('span', {
      class: 'swatch',
      data: { color: String(color) },
      attributes: { 'aria-hidden': 'true' },
    });
    const head = el('span', { class: 'card-head' }, swatch, this.#name);
    const state = el('span', { class: 'card-state' }, this.#role, this.#health);
    const pool = el('span', { class: 'card-pool' }, this.#meter, this.#pool);
    this.#meter.append(el('span', { class: 'used' }), el('span', { class: 'idle' }));
    this.#button.append(this.#lag, head, state, this.#facts, this.#reason, pool);
    this.#button.addEventListener('click', onOpen);
    this.element = el('li', { class: 'place' }, this.#button);
  }

  /** The button, whose edges arrows begin and end at. */
  get box(): HTMLElement {
    return this.#button;
  }

  show(node: NodeFrame, takesWrites: boolean): void {
    const { role, health, standing } = node;
    Object.assign(this.#button.dataset, {
      role,
      health,
      standing,
      node: node.name,
      writes: String(takesWrites),
    });
    setText(this.#name, node.name);
    setText(this.#role, roleText(node));
    this.#role.dataset['role'] = role;
    setText(this.#health, standing === 'current' ? health : `${health}, ${standing}`);
    setText(this.#facts, factsOf(node));
    setText(this.#reason, node.reason ?? '');
    this.#reason.hidden = node.reason === null;
    this.#showLag(node);
    this.#showPool(node);
  }

  #showLag({ role, health, lagBytes, lagMs, lagging }: NodeFrame): void {
    this.#lag.hidden = role !== 'standby' || health !== 'ok';
    this.#lag.dataset['lagging'] = String(lagging);
    setText(this.#lag, lagText(lagBytes, lagMs));
  }

  /** The connections of all clients if the servers are asked for them, else those of this process. */
  #showPool({ pool: { used, idle, waiting, max }, connections, maxConnections }: NodeFrame): void {
    if (connections !== null && maxConnections !== null) {
      this.#showMeter(connections, 0, maxConnections);
      setText(this.#pool, `${connections} of ${maxConnections} connections`);
      return;
    }
    this.#showMeter(used, idle, max);
    const waits = waiting === 0 ? '' : `, ${waiting} waiting`;
    setText(this.#pool, `pool ${used} of ${max} used${waits}`);
  }

  #showMeter(used: number, idle: number, max: number): void {
    const [usedPart, idlePart] = this.#meter.children as unknown as [HTMLElement, HTMLElement];
    const share = (count: number) => `${max === 0 ? 0 : Math.min(100, (count * 100) / max)}%`;
    usedPart.style.width = share(used);
    idlePart.style.width = share(idle);
  }
}

function roleText({ role, health }: NodeFrame): string {
  if (role === 'unknown') return 'role unknown';
  return health === 'offline' ? `was ${role}` : role;
}

function factsOf({ role, timeline, version, rttMs, health, zone }: NodeFrame): string {
  return [
    // What the control file of a standby shows is a lower bound.
    timeline === null ? '' : `timeline ${role === 'standby' ? '≥ ' : ''}${timeline}`,
    version === null ? '' : `PostgreSQL ${version}`,
    rttMs === null || health !== 'ok' ? '' : `probe ${msText(rttMs)}`,
    zone === null ? '' : zone,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}
