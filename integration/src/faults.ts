import type { Direction, TestCluster, TestNode } from '@pgherd/testing';
import type { Workload } from './chaos/workload.ts';
import { nameOf } from './support.ts';

/** What a fault can work on. The cluster has a proxy before each node and waits for one standby at each commit. */
export interface FaultContext {
  readonly cluster: TestCluster;
  /** The calls that go on meanwhile: progress is waited for by them. */
  readonly calls: Pick<Workload, 'written' | 'read'>;
  /** Called while a superseded primary is up and can be reached: the client must know it, and judge who wrote to it. */
  readonly superseded: (old: TestNode) => Promise<void>;
}

/** The dice of one fault, drawn before it begins. */
export interface FaultDice {
  /** Which standby, as a fraction of their number. */
  readonly pick: number;
  /** How long the fault lasts where nothing else ends it, milliseconds. */
  readonly holdMs: number;
  /** How long the referee waits before it promotes, milliseconds. */
  readonly afterMs: number;
}

/** One kind of fault. `run` resolves when it has been taken back and calls succeed again. */
export interface Fault {
  readonly name: string;
  /** How often it comes in the soak, beside the others. */
  readonly weight: number;
  /** Whether writes that are under way may end in doubt. A fault that loses no connection leaves none. */
  readonly doubt: 'none' | 'what was under way';
  /** Whether taking any node for lost would be a false alarm: nobody goes offline, no connection of a sent write is destroyed. */
  readonly alarm?: 'false' | undefined;
  /** Longest `holdMs` that makes sense. */
  readonly maxHoldMs: number;
  run(context: FaultContext, dice: FaultDice): Promise<void>;
}

/** Calls that must succeed before a fault counts as survived. */
const PROGRESS = 20;

/** Waits until calls succeed again, whoever serves them. */
async function progress(calls: FaultContext['calls']): Promise<void> {
  await calls.written(PROGRESS);
  await calls.read(PROGRESS);
}

/** The primary is lost, one of the standbys takes over, and the old one comes back as its standby. */
function lost(name: string, lose: (primary: TestNode) => Promise<unknown>): Fault {
  return {
    name,
    weight: 2,
    doubt: 'what was under way',
    maxHoldMs: 0,
    async run({ cluster, calls }, { afterMs }) {
      const old = cluster.primary;
      await lose(old);
      const { promoted } = await cluster.failover({ afterMs });
      await calls.written(PROGRESS, nameOf(promoted));
      await old.rejoin();
      await calls.read(PROGRESS, nameOf(old));
    },
  };
}

/** The primary stays alive, but is superseded; it can be reached again before it becomes a standby. */
function superseded(name: string, hide: (primary: TestNode) => Promise<unknown>): Fault {
  return {
    name,
    weight: 2,
    doubt: 'what was under way',
    maxHoldMs: 0,
    async run({ cluster, calls, superseded: judge }, { afterMs }) {
      const old = cluster.primary;
      await hide(old);
      const { promoted } = await cluster.failover({ afterMs });
      await calls.written(PROGRESS, nameOf(promoted));
      await old.thaw();
      await old.heal();
      await judge(old);
      await old.rejoin();
      await calls.read(PROGRESS, nameOf(old));
    },
  };
}

/** A node cannot be reached, or does not answer, for a while; nobody takes over. */
function outage(
  name: string,
  doubt: Fault['doubt'],
  begin: (cluster: TestCluster, dice: FaultDice) => Promise<{ undo(): Promise<void> } | undefined>,
): Fault {
  return {
    name,
    weight: 1,
    doubt,
    maxHoldMs: 3_000,
    async run({ cluster, calls }, dice) {
      const fault = await begin(cluster, dice);
      await lasting(dice.holdMs);
      await fault?.undo();
      await progress(calls);
    },
  };
}

function standbyOf(cluster: TestCluster, pick: number): TestNode {
  const { standbys } = cluster;
  const node = standbys[Math.floor(pick * standbys.length)];
  if (node === undefined) throw new Error('A fault of a standby takes a cluster with standbys.');
  return node;
}

const cut = (direction: Direction | 'both') => (node: TestNode) =>
  node.partition({ mode: 'blackhole', direction });

const switchover: Fault = {
  name: 'switchover',
  weight: 2,
  doubt: 'none',
  maxHoldMs: 0,
  async run({ cluster, calls }, { pick }) {
    const to = standbyOf(cluster, pick);
    await cluster.switchover(to, { drainMs: 10_000 });
    await calls.written(PROGRESS, nameOf(to));
    await calls.read(PROGRESS);
  },
};

/** The same server leaves the role and takes it again: at its address the timeline changes twice as the role does. */
const demotedAndPromoted: Fault = {
  name: 'demote to standby at the same address, promote again',
  weight: 1,
  doubt: 'what was under way',
  maxHoldMs: 2_000,
  async run({ cluster, calls }, { holdMs }) {
    const node = cluster.primary;
    await node.demote();
    await calls.read(PROGRESS);
    await lasting(holdMs);
    await node.promote();
    await calls.written(PROGRESS, nameOf(node));
    await cluster.waitForStreaming();
  },
};

const demotedBesideSuccessor: Fault = {
  name: 'demote to standby at the same address, promote another',
  weight: 1,
  doubt: 'what was under way',
  maxHoldMs: 0,
  async run({ cluster, calls }, { afterMs }) {
    const old = cluster.primary;
    await old.demote();
    const { promoted } = await cluster.failover({ afterMs });
    await old.follow(promoted);
    await calls.written(PROGRESS, nameOf(promoted));
    await cluster.waitForStreaming();
    await calls.read(PROGRESS, nameOf(old));
  },
};

const rollingRestart: Fault = {
  name: 'rolling restart',
  weight: 1,
  doubt: 'what was under way',
  maxHoldMs: 0,
  async run({ cluster, calls }) {
    for (const node of [...cluster.standbys, cluster.primary]) {
      await node.stop('fast');
      await node.start();
      await cluster.waitForStreaming();
      await progress(calls);
    }
  },
};

/** Every connection ends at once, while all servers stay as they are. */
function connectionsLost(name: string, end: (node: TestNode) => unknown): Fault {
  return {
    name,
    weight: 1,
    doubt: 'what was under way',
    maxHoldMs: 0,
    async run({ cluster, calls }) {
      await Promise.all(cluster.nodes.map(end));
      await progress(calls);
    },
  };
}

const sessionsTerminated = connectionsLost('all sessions terminated', (node) =>
  node.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`),
);

const connectionsReset = connectionsLost('all connections reset', (node) => node.proxy.reset());

const clientStalled: Fault = {
  name: 'client stalled',
  weight: 2,
  doubt: 'none',
  alarm: 'false',
  maxHoldMs: 2_000,
  async run({ calls }, { holdMs }) {
    const until = performance.now() + holdMs;
    while (performance.now() < until);
    await progress(calls);
  },
};

const allPaused: Fault = {
  name: 'all nodes paused',
  weight: 2,
  doubt: 'none',
  alarm: 'false',
  maxHoldMs: 3_000,
  async run({ cluster, calls }, { holdMs }) {
    await cluster.pause(holdMs);
    await progress(calls);
  },
};

/** Every fault, by kind: of the primary, of a standby, of all, of the client. */
export const FAULTS: readonly Fault[] = [
  lost('primary killed', (node) => node.kill()),
  lost('primary stopped immediately', (node) => node.stop('immediate')),
  lost('primary stopped fast', (node) => node.stop('fast')),
  superseded('primary frozen', (node) => node.freeze()),
  superseded('primary cut off', cut('both')),
  superseded('primary hears nothing', cut('to-server')),
  superseded('primary is not heard', cut('to-client')),
  superseded('successor beside the living primary', async () => undefined),
  switchover,
  demotedAndPromoted,
  demotedBesideSuccessor,
  rollingRestart,
  outage('primary frozen and back', 'none', (cluster) => cluster.primary.freeze()),
  outage('primary cut off and back', 'none', (cluster) => cut('both')(cluster.primary)),
  outage('primary hears nothing and back', 'none', (cluster) => cut('to-server')(cluster.primary)),
  outage('primary is not heard and back', 'none', (cluster) => cut('to-client')(cluster.primary)),
  outage('standby killed', 'what was under way', (cluster, { pick }) => standbyOf(cluster, pick).kill()),
  outage('standby frozen', 'none', (cluster, { pick }) => standbyOf(cluster, pick).freeze()),
  outage('standby cut off', 'none', (cluster, { pick }) => cut('both')(standbyOf(cluster, pick))),
  outage('standby lags', 'none', (cluster, { pick, holdMs }) => standbyOf(cluster, pick).lag(holdMs)),
  outage('replay paused', 'none', (cluster, { pick }) => standbyOf(cluster, pick).pauseReplay()),
  sessionsTerminated,
  connectionsReset,
  clientStalled,
  allPaused,
];

/** A fault's duration: nothing is waited for here. */
function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
