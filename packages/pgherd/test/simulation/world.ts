import { Dice } from './dice.ts';
import { Ledger } from './ledger.ts';
import type { Loop } from './loop.ts';
import { Link } from './network.ts';
import type { Scenario } from './scenario.ts';
import { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import type { Trace } from './trace.ts';

/** System identifier of the cluster that everything begins with. */
export const SYSTEM = '7300000000000000001';
/** Another cluster's. */
export const STRANGE_SYSTEM = '7300000000000000002';
/** Second address of the first server. */
export const ALIAS = 'a2:5432';

/** A server with what is written down about it. */
export interface Site {
  readonly server: Server;
  /** `host:port`, as the client calls it. */
  readonly node: string;
  /** Whether the client may ever write there. */
  readonly promotable: boolean;
  /** Faults that are in force. */
  troubles: number;
  /** When it was last in trouble. */
  troubledAt: number;
}

/** The servers, the network, and the book of who is in trouble. */
export class World {
  readonly scenario: Scenario;
  readonly loop: Loop;
  readonly trace: Trace;
  readonly ledger: Ledger;
  readonly sites: readonly Site[];
  readonly stalls: { readonly from: number; readonly until: number }[] = [];

  constructor(scenario: Scenario, loop: Loop, trace: Trace) {
    this.scenario = scenario;
    this.loop = loop;
    this.trace = trace;
    this.ledger = new Ledger(() => loop.now, trace);
    const surroundings: Surroundings = {
      loop,
      trace,
      ledger: this.ledger,
      dice: new Dice(scenario.seed, 'servers'),
      traits: scenario.traits,
      synchronous: scenario.mode === 'careful-sync',
    };
    const network = new Dice(scenario.seed, 'network');
    this.sites = Array.from({ length: scenario.nodes }, (_, index) => {
      const letter = String.fromCharCode(97 + index);
      const link = new Link(loop, network, scenario.delayMs * network.between(0.5, 1.5), scenario.jitterMs);
      const server = new Server(letter, link, SYSTEM, surroundings);
      const promotable = !(scenario.lastNotPromotable && index === scenario.nodes - 1);
      return {
        server,
        node: `${letter}:5432`,
        promotable,
        troubles: 0,
        troubledAt: Number.NEGATIVE_INFINITY,
      };
    });
    const [first, ...others] = this.servers;
    if (first === undefined) throw new Error('a world without servers');
    first.inRecovery = false;
    for (const other of others) other.follow(first);
    if (scenario.stranger) others.at(-1)?.becomeStranger(STRANGE_SYSTEM);
  }

  /** Addresses by which the client knows the servers. */
  get addresses(): string[] {
    const nodes = this.sites.map(({ node }) => node);
    return this.scenario.alias ? [...nodes, ALIAS] : nodes;
  }

  /** The server behind an address. */
  at(node: string): Site {
    const name = node === ALIAS ? 'a:5432' : node;
    const site = this.sites.find((one) => one.node === name);
    if (site === undefined) throw new Error(`no server has the address ${node}`);
    return site;
  }

  get servers(): Server[] {
    return this.sites.map((site) => site.server);
  }

  siteOf(server: Server): Site {
    const site = this.sites.find((one) => one.server === server);
    if (site === undefined) throw new Error(`no site has ${server.name}`);
    return site;
  }

  /** From now on, until the matching `relieve`, whatever is said of the server may be the fault's. */
  trouble(server: Server): void {
    const site = this.siteOf(server);
    site.troubles++;
    site.troubledAt = this.loop.now;
  }

  relieve(server: Server): void {
    const site = this.siteOf(server);
    site.troubles--;
    site.troubledAt = this.loop.now;
  }

  /** Whether nothing was done to the node for `ms`. */
  isUntroubled(node: string, ms: number): boolean {
    const site = this.at(node);
    return site.troubles === 0 && this.loop.now - site.troubledAt > ms;
  }

  stall(ms: number): void {
    this.stalls.push({ from: this.loop.now, until: this.loop.now + ms });
    this.loop.stall(ms);
    this.trace.note(`the client's event loop is blocked for ${Math.round(ms)} ms`);
  }

  /** Servers out of recovery that run. */
  primaries(): Server[] {
    return this.servers.filter((server) => server.isUp && !server.inRecovery);
  }
}
