import type { PlantedBug } from './planted-bugs.ts';

/** A bug that one of the rules of sharing must find. */
export interface PlantedInSharing extends PlantedBug {
  readonly rule: string;
}

const SEEDS = 3;

/** At least one for each rule of how work is shared. */
export const PLANTED_IN_SHARING: readonly PlantedInSharing[] = Object.freeze([
  {
    name: 'each difference counts, however small',
    rule: 'even',
    file: 'routing/policies.ts',
    find: 'return gainMs >= NOISE_MS && gainMs >= NOISE_SHARE * otherMs;',
    replace: 'return costMs(context.load(one.name)) / NOISE_MS < (context.load(other.name).ewmaMs ?? 0);',
    seeds: SEEDS,
  },
  {
    name: 'a hedge costs nothing',
    rule: 'hedging without budget',
    file: 'hedging/hedged-reads.ts',
    find: '    this.#ports.spend();\n',
    replace: '',
    seeds: SEEDS,
  },
  {
    name: 'the whole time of a hedged read is learnt',
    rule: 'hedging',
    file: 'hedging/hedged-read.ts',
    find: 'this.#ports.learn(this.#ports.now() - shared.sentAt);',
    replace: 'this.#ports.learn(4 * (this.#ports.now() - (this.#first?.sentAt ?? 0)));',
    seeds: SEEDS,
  },
  {
    name: 'the loser of a hedge is awaited for ever',
    rule: 'hedging',
    file: 'hedging/hedged-read.ts',
    find: '    this.#resolve(result);\n',
    replace: '    if (loser === undefined) this.#resolve(result);\n',
    seeds: SEEDS,
  },
  {
    name: 'an ejection has no end',
    rule: 'ejection',
    file: 'routing/ejection.ts',
    find: 'const until = now + forMs;',
    replace: 'const until = now + 1_000 * forMs;',
    seeds: SEEDS,
  },
  {
    name: 'each ejection is as short as the first',
    rule: 'ejection',
    file: 'routing/ejection.ts',
    find: 'const times = record.times + 1;',
    replace: 'const times = 1;',
    seeds: SEEDS,
  },
  {
    name: 'ejected nodes get reads',
    rule: 'ejection',
    file: 'herd/herd.ts',
    find: 'this.#selecting = Object.freeze({ ...this.#selecting, ejected });',
    replace: 'this.#selecting = Object.freeze({ ...this.#selecting });\n        ejected.has("");',
    seeds: SEEDS,
  },
  {
    name: 'any number of nodes may be ejected',
    rule: 'ejection is bounded',
    file: 'routing/ejection.ts',
    find: 'let room = Math.floor(samples.length / NODES_FOR_ONE) -',
    replace: 'let room = samples.length -',
    seeds: SEEDS,
  },
  {
    name: 'there is no panic mode',
    rule: 'ejection is bounded',
    file: 'routing/select.ts',
    find: 'if (2 * left.length < nodes.length) return tiers;',
    replace: 'if (2 * left.length < 0) return tiers;',
    seeds: SEEDS,
  },
  {
    name: 'a node that comes back has its full share at once',
    rule: 'slow start',
    file: 'routing/slow-start.ts',
    find: 'if (sinceMs >= slowStartMs) return 1;',
    replace: 'if (sinceMs >= 0 || slowStartMs > 0) return 1;',
    seeds: SEEDS,
  },
  {
    name: 'a node that comes back never has its full share',
    rule: 'slow start',
    file: 'routing/slow-start.ts',
    find: '(Math.max(0, sinceMs) / slowStartMs)',
    replace: '(Math.max(0, 0 * sinceMs) / slowStartMs)',
    seeds: SEEDS,
  },
]);
