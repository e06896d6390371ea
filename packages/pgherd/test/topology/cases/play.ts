import { nodeAbove } from '../../../src/floors/acceptance.ts';
import type { NodeDescription, TopologyDescription } from '../../../src/model/topology.ts';
import { type SelectionContext, selectNodes } from '../../../src/routing/select.ts';
import { withLeaderAnswers } from '../../../src/topology/arbitrate.ts';
import type { TopologyChange } from '../../../src/topology/diff.ts';
import type { Disposition } from '../../../src/topology/disposition.ts';
import { type Effects, effects } from '../../../src/topology/effects.ts';
import { NO_LABELS } from '../../../src/topology/node.ts';
import {
  findNode,
  initialTopology,
  type ListedNode,
  observe,
  startedTopology,
  withAcceptedEpoch,
  withIncumbent,
  withNodes,
} from '../../../src/topology/topology.ts';
import { isWritable, writableNode } from '../../../src/topology/writable.ts';
import { addressOf } from '../../support/evidence.ts';
import { type AskedFor, type Step, SYSTEMS, type TransitionCase } from './format.ts';

/** All that was seen to happen while steps were taken. */
export interface Played {
  readonly topology: TopologyDescription;
  readonly events: readonly string[];
  readonly connections: Readonly<Record<string, readonly Disposition[]>>;
  /** Letters of nodes that were made ready, in order, each as often as it was. */
  readonly prepares: string;
}

/** The picture before the first phase. */
export function beginning(one: TransitionCase): TopologyDescription {
  return startedTopology(initialTopology([...one.letters].map((letter) => listed(letter, one))), 0);
}

function listed(letter: string, { labels }: TransitionCase): ListedNode {
  return { address: addressOf(letter), labels: { ...NO_LABELS, ...labels[letter] } };
}

/** Takes the steps as the cluster would: each gives a new picture, then connections are disposed of and changes reported. */
export function play(
  start: TopologyDescription,
  steps: readonly Step[],
  one: TransitionCase,
  { copies = 1 }: { readonly copies?: number } = {},
): Played {
  let topology = start;
  const events: string[] = [];
  const connections: Record<string, Disposition[]> = {};
  let prepares = '';
  for (const step of steps) {
    const act = resolved(topology, step, one);
    for (let copy = 0; copy < copies; copy += 1) {
      const before = topology;
      topology = act(before);
      assertSound(before, topology, one);
      const following = effects(before, topology);
      events.push(...following.changes.map(told));
      for (const [letter, word] of disposals(following)) {
        const words = connections[letter] ?? [];
        // The same disposition again finds nothing left to dispose of.
        if (words.at(-1) !== word) connections[letter] = [...words, word];
      }
      prepares += following.prepare.map(letterOf).join('');
    }
  }
  return { topology, events, connections, prepares };
}

/** What a step does to a picture. Evidence is of the life that the node is in now, unless the line says of which. */
function resolved(
  now: TopologyDescription,
  step: Step,
  one: TransitionCase,
): (topology: TopologyDescription) => TopologyDescription {
  const { settings } = one;
  switch (step.kind) {
    case 'observe': {
      const generation = step.generation ?? findNode(now, step.observation.node)?.generation ?? 0;
      return (topology) => observe(topology, { ...step.observation, generation }, settings);
    }
    case 'wrote': {
      assertMayWrite(now, step.node, step.line, one);
      return (topology) => withIncumbent(topology, step.node, settings, step.at);
    }
    case 'accepts': {
      const above = nodeAbove(now, step.epoch);
      if (above !== undefined) throw new Error(`"${step.line}": refused, ${above.name} is above it`);
      return (topology) => withAcceptedEpoch(topology, step.epoch, settings, step.at);
    }
    case 'answers':
      return (topology) => withLeaderAnswers(topology, step.said, settings, step.at);
    case 'lists': {
      const nodes = [...step.letters].map((letter) => {
        const node = listed(letter, one);
        const promotable = step.promotable?.includes(letter) ?? node.labels.promotable;
        return { ...node, labels: { ...node.labels, promotable } };
      });
      return (topology) => withNodes(topology, nodes, step.leader, settings, step.at);
    }
    default:
      return step satisfies never;
  }
}

function assertMayWrite(now: TopologyDescription, name: string, line: string, one: TransitionCase): void {
  const node = findNode(now, name);
  if (node !== undefined && isWritable(node, one.settings.fencing)) return;
  throw new Error(`"${line}": the cluster would not have written there`);
}

function disposals({ pools }: Effects): readonly (readonly [string, Disposition])[] {
  return pools.flatMap(({ node, disposition }) =>
    disposition === 'keep' ? [] : [[letterOf(node), disposition] as const],
  );
}

/** What holds for every picture of every case, whatever it is about. */
function assertSound(before: TopologyDescription, after: TopologyDescription, one: TransitionCase): void {
  const writable = after.nodes.filter((node) => isWritable(node, 'strict'));
  if (writable.length > 1) {
    throw new Error(`${writable.map((node) => node.name).join(' and ')} may both be written to`);
  }
  for (const { name, timeline, systemIdentifier, standing } of writable) {
    const floor = Math.max(after.floor ?? 0, after.floors[systemIdentifier ?? ''] ?? 0);
    if (timeline !== undefined && timeline < floor)
      throw new Error(`${name} may be written to below ${floor}`);
    if (standing !== 'current') throw new Error(`${name} is ${standing} and may be written to`);
  }
  const [first = writableNode(after)] = writable;
  if (after.writable !== first?.name)
    throw new Error(`writes go to ${after.writable}, not to ${first?.name}`);
  if (after !== before && after.version <= before.version) throw new Error('the version did not grow');
  const pinned = one.settings.systemIdentifier;
  if (pinned !== undefined && writable.some((node) => (node.systemIdentifier ?? pinned) !== pinned)) {
    throw new Error('another system than the pinned one may be written to');
  }
}

/** Tiers as letters: `s pnr`. */
export function tiersFor(topology: TopologyDescription, asked: AskedFor, context: SelectionContext): string {
  const { tiers } = selectNodes(topology, asked, context);
  return tiers.map((tier) => tier.map((node) => letterOf(node.name)).join('')).join(' ');
}

/** A change in the words of `events`. */
export function told(change: TopologyChange): string {
  const letter = (node: NodeDescription | undefined) => (node === undefined ? 'none' : letterOf(node.name));
  switch (change.kind) {
    case 'primary':
      return `primary ${letter(change.before)} → ${letter(change.after)}`;
    case 'split-brain':
      return `split-brain ${change.nodes.map(letter).join(' ')}`;
    case 'foreign':
      return `foreign ${change.systemIdentifiers.map(systemName).join(' ')}`;
    case 'contest': {
      const holder = change.after?.holder;
      const state = change.after?.state ?? 'ended';
      return `contest ${state}${holder === undefined ? '' : ` ${letterOf(holder)}`}`;
    }
    case 'epoch-written': {
      const { epoch, from } = change.acceptance;
      return epoch === undefined ? 'epoch-written refused' : `epoch-written ${from} → ${epoch.timeline}`;
    }
    case 'floor-withdrawn':
      return `floor-withdrawn ${change.withdrawn.from} → ${change.withdrawn.to}`;
    case 'several-servers':
      return `several-servers ${letter(change.node)}: ${change.node.several?.servers ?? 1}`;
    case 'added':
    case 'removed':
      return `${change.kind} ${letter(change.node)}`;
    case 'replaced': {
      const systems = `${systemName(change.before)} → ${systemName(change.after)}`;
      return `replaced ${systems}, ${change.adopted ? 'adopted' : 'refused'}`;
    }
    case 'health':
    case 'role':
    case 'standing': {
      const { kind, before, after } = change;
      return `${kind} ${letter(after)}: ${before[kind]} → ${after[kind]}`;
    }
    default:
      return change satisfies never;
  }
}

/** The letter of a node by its name. */
export function letterOf(name: string): string {
  return name.charAt(0);
}

function systemName(identifier: string): string {
  return Object.keys(SYSTEMS).find((name) => SYSTEMS[name] === identifier) ?? identifier;
}
