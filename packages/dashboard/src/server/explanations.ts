import { type Cluster, TARGETS, type Target } from 'pgherd';
import type { Explained } from '../model/message.ts';
import { type Answer, jsonAnswer, textAnswer } from './answers.ts';

/** Answers to `explain`, each made once for a sample. */
export class Explanations {
  readonly #db: Cluster;
  readonly #sampleOf: () => number;
  readonly #answers = new Map<string, Answer>();
  #sample = 0;

  constructor(db: Cluster, sampleOf: () => number) {
    this.#db = db;
    this.#sampleOf = sampleOf;
  }

  /** Which nodes a target would choose, and why not the others. */
  answer(target: string, maxLagMs: string | undefined): Answer {
    if (!isTarget(target))
      return textAnswer(400, `There is no such target; there are ${TARGETS.join(', ')}.\n`);
    if (maxLagMs !== undefined && !/^\d{1,9}$/.test(maxLagMs))
      return textAnswer(400, 'maxLagMs must be a whole number of milliseconds, at most 999999999.\n');
    if (this.#sample !== this.#sampleOf() || this.#answers.size > MOST_ANSWERS) {
      this.#answers.clear();
      this.#sample = this.#sampleOf();
    }
    const key = `${target} ${maxLagMs ?? ''}`;
    const answer = this.#answers.get(key) ?? jsonAnswer(this.#explained(target, maxLagMs));
    this.#answers.set(key, answer);
    return answer;
  }

  #explained(target: Target, maxLagMs: string | undefined): Explained {
    const limit = maxLagMs === undefined ? undefined : Number(maxLagMs);
    const { nodes } = this.#db.explainTarget(target, { maxLagMs: limit });
    return {
      target,
      topologyVersion: this.#db.topology.version,
      nodes: nodes.map(({ node, tier, reason }) => ({
        node,
        choice: tier === undefined ? null : tier + 1,
        reason,
      })),
    };
  }
}

/** Limits of lag are a stranger's to choose. */
const MOST_ANSWERS = 64;

function isTarget(text: string): text is Target {
  return (TARGETS as readonly string[]).includes(text);
}
