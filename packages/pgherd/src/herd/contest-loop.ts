import { asksWhoLeads, type LeaderAnswer, type LeaderAnswers } from '../floors/contest.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Clock, Random, Timer } from '../time/port.ts';

/**
 * Longest random pause before the first question, milliseconds: all processes see a claim at once, and should not
 * all ask at once.
 */
const SPREAD_MS = 250;
/** Longest wait for answers, the pause before included, milliseconds. */
const LIMIT_MS = 2_000;
/** Pause between two questions, milliseconds; lengthened by up to a quarter at random. */
const AGAIN_MS = 5_000;
const JITTER = 0.25;

/** What the loop needs from the cluster. */
export interface ContestPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks the discovery who leads, preferring endpoints that are on none of these hosts. */
  ask(avoid: readonly string[], signal: AbortSignal): Promise<readonly LeaderAnswer[]>;
  /** Takes in what was answered. */
  answered(answers: LeaderAnswers): void;
}

/**
 * Asks a discovery that holds a lease who leads, as long as the picture has claims that it can decide. At most one
 * question is under way.
 */
export class ContestLoop {
  readonly #ports: ContestPorts;
  #timer: Timer | undefined;
  /** The question that is planned or under way. */
  #plan: { readonly kind: 'soon' | 'later' | 'asking' } | undefined;
  #abort = new AbortController();
  /** The contest and the roles that the last question was about. */
  #asked = '';
  #stopped = false;

  constructor(ports: ContestPorts) {
    this.#ports = ports;
  }

  /** Follows the picture: asks soon for new claims and after a change of roles, else from time to time. */
  follow(picture: TopologyDescription): void {
    if (this.#stopped) return;
    if (!asksWhoLeads(picture)) {
      this.#rest();
      return;
    }
    if (this.#plan?.kind === 'asking' || this.#plan?.kind === 'soon') return;
    const subject = subjectOf(picture);
    if (subject !== this.#asked) this.#schedule('soon', picture, subject);
    else if (this.#plan === undefined) this.#schedule('later', picture, subject);
  }

  /** Ends the loop; a question that is under way is given up. */
  stop(): void {
    this.#stopped = true;
    this.#rest();
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#plan = undefined;
    this.#asked = '';
    this.#abort.abort();
  }

  #schedule(kind: 'soon' | 'later', picture: TopologyDescription, subject: string): void {
    const { clock, random } = this.#ports;
    this.#timer?.cancel();
    this.#plan = { kind };
    this.#asked = subject;
    const pauseMs = kind === 'soon' ? SPREAD_MS * random.next() : AGAIN_MS * (1 + JITTER * random.next());
    const avoid = hostsToAvoid(picture);
    const limitMs = kind === 'soon' ? LIMIT_MS - pauseMs : LIMIT_MS;
    this.#timer = clock.schedule(pauseMs, () => void this.#ask(avoid, limitMs), { ref: false });
  }

  async #ask(avoid: readonly string[], limitMs: number): Promise<void> {
    const { clock } = this.#ports;
    const askedAt = clock.now();
    const plan = { kind: 'asking' } as const;
    this.#plan = plan;
    const abort = new AbortController();
    this.#abort = abort;
    const expired = new Promise<readonly LeaderAnswer[]>((resolve) => {
      this.#timer = clock.schedule(limitMs, () => resolve([]), { ref: false });
    });
    const asked = this.#ports.ask(avoid, abort.signal).catch((): readonly LeaderAnswer[] => []);
    const answers = await Promise.race([asked, expired]);
    this.#timer?.cancel();
    abort.abort();
    if (this.#plan !== plan) return;
    this.#plan = undefined;
    this.#ports.answered({ askedAt, answers });
  }
}

/** What a question is about: the claims, and what the nodes say that they are. */
function subjectOf({ contest, nodes }: TopologyDescription): string {
  const roles = nodes.map(({ name, role }) => `${name} ${role}`);
  return [...(contest?.claims ?? []), ...roles].join();
}

/**
 * An endpoint on the host of the node that was written to may be cut off together with it; one on the host of a
 * barred primary is no witness for it.
 */
function hostsToAvoid({ barred, contest, incumbent, nodes }: TopologyDescription): readonly string[] {
  const names = contest === undefined ? (barred?.barred ?? []) : [incumbent];
  return nodes.filter(({ name }) => names.includes(name)).map(({ address }) => address.host.toLowerCase());
}
