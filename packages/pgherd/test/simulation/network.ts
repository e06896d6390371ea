import type { Dice } from './dice.ts';
import type { Loop } from './loop.ts';

/** Longest wait of TCP before it sends again what was lost on a line that is whole again, milliseconds. */
const RETRANSMISSION_MS = 200;

type Direction = 'to-server' | 'to-client';

interface Lane {
  /** When the last packet will have arrived: the next one does not overtake it. */
  last: number;
  /** What could not pass; sent again when the line is whole. */
  held: (() => void)[];
}

/** One TCP connection: packets of one direction stay in order, those of different connections do not. */
export interface Wire {
  readonly id: number;
  readonly lanes: Readonly<Record<Direction, Lane>>;
  /** Whether the client's socket is open. */
  clientOpen: boolean;
  /** Whether the network has forgotten it: nothing passes any more, and neither side is notified. */
  forgotten: boolean;
}

/** The network between the client and one host. */
export class Link {
  readonly #loop: Loop;
  readonly #dice: Dice;
  readonly #holding = new Set<Lane>();
  readonly #blocked: Record<Direction, boolean> = { 'to-server': false, 'to-client': false };
  #wires = 0;
  readonly #known = new Set<Wire>();
  readonly #usual: { readonly delayMs: number; readonly jitterMs: number };
  delayMs: number;
  jitterMs: number;
  /** Share of packets that are sent twice because the first was lost. */
  loss = 0;

  constructor(loop: Loop, dice: Dice, delayMs: number, jitterMs: number) {
    this.#loop = loop;
    this.#dice = dice;
    this.#usual = { delayMs, jitterMs };
    this.delayMs = delayMs;
    this.jitterMs = jitterMs;
  }

  get isWhole(): boolean {
    return !this.#blocked['to-server'] && !this.#blocked['to-client'];
  }

  /** A connection that is about to be made. */
  wire(): Wire {
    this.#wires++;
    const lane = (): Lane => ({ last: 0, held: [] });
    const lanes = { 'to-server': lane(), 'to-client': lane() };
    const wire: Wire = { id: this.#wires, clientOpen: true, forgotten: false, lanes };
    this.#known.add(wire);
    return wire;
  }

  /** Forgets the connections that there are; later ones work. */
  forget(): void {
    for (const wire of this.#known) {
      wire.forgotten = true;
      for (const lane of Object.values(wire.lanes)) lane.held = [];
    }
    this.#known.clear();
  }

  block(direction: Direction): void {
    this.#blocked[direction] = true;
  }

  /**
   * The line is as it was made, whatever was done to it and in whichever order: what was held is sent once more, each
   * connection in its own time.
   */
  mend(): void {
    this.delayMs = this.#usual.delayMs;
    this.jitterMs = this.#usual.jitterMs;
    this.loss = 0;
    this.#blocked['to-server'] = false;
    this.#blocked['to-client'] = false;
    for (const lane of this.#holding) {
      this.#loop.input(this.#loop.now + this.#dice.between(1, RETRANSMISSION_MS), () => this.#flush(lane));
    }
    this.#holding.clear();
  }

  /** `arrive` happens at the server, in order with all else that goes there over this connection. */
  toServer(wire: Wire, arrive: () => void): void {
    this.#send(wire, 'to-server', arrive);
  }

  /** `arrive` happens at the client, unless its socket is closed by then. */
  toClient(wire: Wire, arrive: () => void): void {
    this.#send(wire, 'to-client', () => {
      if (wire.clientOpen) arrive();
    });
  }

  #send(wire: Wire, direction: Direction, arrive: () => void): void {
    const lane = wire.lanes[direction];
    lane.last = Math.max(lane.last, this.#loop.now + this.#latencyMs());
    const pass = () => {
      if (wire.forgotten) return;
      if (lane.held.length === 0 && !this.#blocked[direction]) arrive();
      else this.#hold(lane, direction, arrive);
    };
    if (direction === 'to-client') this.#loop.input(lane.last, pass);
    else this.#loop.world(lane.last - this.#loop.now, pass);
  }

  #hold(lane: Lane, direction: Direction, arrive: () => void): void {
    lane.held.push(arrive);
    if (this.#blocked[direction]) this.#holding.add(lane);
  }

  #flush(lane: Lane): void {
    // Blocked again meanwhile: the next mending sends it.
    const blocked = this.#blocked['to-server'] || this.#blocked['to-client'];
    if (blocked) {
      this.#holding.add(lane);
      return;
    }
    for (const arrive of lane.held.splice(0)) arrive();
  }

  #latencyMs(): number {
    const lost = this.loss > 0 && this.#dice.chance(this.loss) ? RETRANSMISSION_MS : 0;
    return this.delayMs + this.jitterMs * this.#dice.next() + lost;
  }
}
