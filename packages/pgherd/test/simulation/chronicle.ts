import type { Cluster, NodeDescription, TopologyDescription } from '../../src/index.ts';
import { RESTS } from '../../src/topology/rest.ts';
import type { World } from './world.ts';

interface Words {
  role: string;
  health: string;
  standing: string;
}

/** Time for which a fault may still be felt, milliseconds. */
const AFTERMATH_MS = 8_000;

/**
 * Keeps the picture that the events alone tell, and holds it against the picture itself: each event takes up where the one
 * before left off, and together they leave out nothing.
 */
export class Chronicle {
  readonly #world: World;
  readonly #violate: (text: string) => void;
  readonly #words = new Map<string, Words>();
  #version = -1;

  constructor(cluster: Cluster | Cluster, world: World, violate: (text: string) => void) {
    this.#world = world;
    this.#violate = violate;
    for (const node of cluster.topology.nodes) {
      this.#words.set(node.name, { role: node.role, health: node.health, standing: node.standing });
    }
    const { trace } = world;
    cluster.on('node:role-changed', ({ node, before, after }) => {
      trace.note(`client: role of ${node}: ${before} -> ${after}`);
      this.#step(node, 'role', before, after);
    });
    cluster.on('node:health-changed', ({ node, before, after, reason }) => {
      trace.note(`client: health of ${node}: ${before} -> ${after} (${reason})`);
      this.#step(node, 'health', before, after);
      if (after !== 'ok' && reason !== RESTS && this.#world.isUntroubled(node, AFTERMATH_MS)) {
        this.#violate(`${node} is said to be ${after}, but nothing happened to it`);
      }
      const { connectFailure, silentSince } = cluster.topology.nodes.find(({ name }) => name === node) ?? {};
      if (before === 'ok' && after === 'offline' && connectFailure === 'timeout' && silentSince === undefined)
        this.#violate(`${node} was ok, and is offline because of one attempt without an answer`);
    });
    cluster.on('node:standing-changed', ({ node, before, after, reason }) => {
      trace.note(`client: standing of ${node}: ${before} -> ${after} (${reason})`);
      this.#step(node, 'standing', before, after);
    });
    cluster.on('primary:changed', ({ before, after }) => trace.note(`client: primary ${before} -> ${after}`));
    cluster.on('call:retried', ({ node, attempt, error }) =>
      trace.note(`client: a call on ${node} is run again, attempt ${attempt}, because of ${String(error)}`),
    );
    cluster.on('topology:changed', ({ before, after }) => {
      if (before.version >= after.version || before.version < this.#version) {
        violate(`topology:changed tells of ${before.version} -> ${after.version} after ${this.#version}`);
      }
      this.#version = after.version;
      if (cluster.topology !== after)
        violate('topology:changed tells of a picture that is not the present one');
    });
  }

  #step(node: string, word: keyof Words, before: string, after: string): void {
    const words = this.#words.get(node);
    if (words === undefined) return;
    if (words[word] !== before) {
      this.#violate(`the ${word} of ${node} is told to change from ${before}, but was ${words[word]}`);
    }
    words[word] = after;
  }

  /** The events have told all that is in the picture. */
  compare(topology: TopologyDescription): void {
    for (const name of this.#words.keys()) {
      if (!topology.nodes.some((node) => node.name === name)) this.#words.delete(name);
    }
    for (const node of topology.nodes) {
      const words = this.#words.get(node.name);
      if (words === undefined) this.#words.set(node.name, wordsOf(node));
      else if (words.role !== node.role || words.health !== node.health || words.standing !== node.standing) {
        const { role, health, standing } = wordsOf(node);
        this.#violate(`${node.name} is ${role}, ${health}, ${standing}, which no event told`);
        this.#words.set(node.name, { role, health, standing });
      }
    }
  }
}

function wordsOf({ role, health, standing }: NodeDescription): Words {
  return { role, health, standing };
}
