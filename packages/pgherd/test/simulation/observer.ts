import type { DriverResult } from '../../src/connection/port.ts';
import type { Cluster, ClusterEvents } from '../../src/index.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import type { SentStatement } from './backend.ts';
import { Chronicle } from './chronicle.ts';
import { Knowledge, type RoleEvidence } from './knowledge.ts';
import type { Server } from './server.ts';
import type { SimConnection, Watcher } from './sim-driver.ts';
import { parse } from './sql.ts';
import { PREFERS_STANDBY } from './workload.ts';
import type { World } from './world.ts';

/** Counts that cost something to look at are looked at every so many happenings. */
const SELDOM = 32;
/** How long the first write waits for nodes that have not answered, milliseconds. */
const FIRST_WRITE_GRACE_MS = 500;
/** Age at which the client may forget a role, milliseconds. */
const EXPIRY_MS = 10_000;
/** A holder of the lease that was well for so long is known to the client, milliseconds. */
const LEASE_KNOWN_MS = 5_000;
/** A change of the picture reaches waiting calls, and they their pool, within this, milliseconds. */
export const WAKING_MS = 300;

/** Stands between client and network, and holds what the client does against what it was told and what is true. */
export class Observer implements Watcher {
  readonly knowledge = new Knowledge();
  readonly violations: string[] = [];
  readonly sockets = new Set<SimConnection>();
  readonly #world: World;
  #cluster: Cluster | undefined;
  #chronicle: Chronicle | undefined;
  #topology: TopologyDescription | undefined;
  #incumbent: string | undefined;
  #generations = new Map<SimConnection, number>();
  /** Connections of a monitor that had one already. */
  readonly #rivals = new WeakSet<SimConnection>();
  /** Roles that came with the logins of connections whose server has not said yet who it is. */
  readonly #atLogin = new Map<SimConnection, string>();
  #answeredNow: { node: string; connection: SimConnection }[] = [];
  /** Connections whose open transaction has inserted something. */
  #writing = new Set<SimConnection>();
  /** Since when a write could go somewhere, by the client's own account. */
  writableSince: number | undefined;
  #looks = 0;
  /** Whether the user has accepted an epoch, which makes the client forget who is above it. */
  #hasAccepted = false;
  /** Set when the picture is not kept up any more. */
  isClosing = false;
  #hasWritten = false;
  /** The cluster that was written to first. */
  #system: string | undefined;
  /** The server that holds the lease, and since when. */
  holder: Server | undefined;
  holderSince = 0;
  /** Nodes to which a connection has failed or was lost. */
  readonly #unheard = new Set<string>();
  /** Every node of the list has been heard once: a node that joins later is not waited for. */
  #allHeard = false;

  constructor(world: World) {
    this.#world = world;
  }

  watch(cluster: Cluster): void {
    this.#cluster = cluster;
    this.#chronicle = new Chronicle(cluster, this.#world, (text) => this.violate(text));
    cluster.on('cluster:epoch-accepted', ({ by, node, to }) => {
      if (by === 'database' && node !== undefined) this.#checkNote(node, to);
    });
    cluster.on('cluster:rested', () => this.#rested());
    cluster.on('cluster:woken', () => this.#world.trace.note('client: is used again'));
    cluster.on('cluster:floor-withdrawn', (withdrawn) => this.#checkWithdrawn(withdrawn));
  }

  /** Nothing that was known of the nodes counts from now on but levels: the next use is a start. */
  #rested(): void {
    this.#world.trace.note('client: rests');
    for (const known of [this.knowledge.told, this.knowledge.roles, this.knowledge.hints, this.#unheard])
      known.clear();
    this.#hasWritten = false;
    this.#allHeard = false;
  }

  violate(text: string): void {
    this.violations.push(text);
    this.#world.trace.note(`VIOLATION: ${text}`);
  }

  /** The user has declared this epoch to be the one to go on with. */
  accepted(systemIdentifier: string, timeline: number): void {
    this.knowledge.accepted(systemIdentifier, timeline);
    this.#system = systemIdentifier;
    this.#hasAccepted = true;
  }

  /** What the operator wrote down counts against what was seen before, and against nothing that was seen since. */
  #checkNote(node: string, timeline: number): void {
    const { note, systemIdentifier } = this.#world.at(node).server;
    this.#world.trace.note(`client: accepts timeline ${timeline} by the note on ${node}`);
    const shownAt = this.knowledge.lastShownAbove(systemIdentifier, timeline);
    if (note === undefined || note.writtenAt <= shownAt) {
      this.violate(
        `the note on ${node} is of ${note?.writtenAt}, but a higher timeline was seen at ${shownAt}`,
      );
    }
    this.accepted(systemIdentifier, timeline);
  }

  /** A floor falls only when none of the servers that were seen on it has its data any more. */
  #checkWithdrawn({ from, systemIdentifier, to }: ClusterEvents['cluster:floor-withdrawn']): void {
    this.#world.trace.note(`client: floor ${from} is withdrawn, ${to} is the floor now`);
    const nodes = this.knowledge.withdrawn(systemIdentifier, from, to);
    for (const node of nodes) {
      const { server } = this.#world.at(node);
      const told = this.knowledge.told.get(node);
      const isAgain = !server.inRecovery && told?.inRecovery === true;
      if (server.timeline !== from || server.systemIdentifier !== systemIdentifier || isAgain) continue;
      this.violate(`timeline ${from} is given up although ${node} has data of it`);
    }
  }

  dialling(connection: SimConnection): void {
    if (connection.isMonitor && this.#hasOther(connection)) this.#rivals.add(connection);
    this.sockets.add(connection);
    const { node } = connection;
    this.#generations.set(connection, this.#describe(node)?.generation ?? 0);
  }

  opened(connection: SimConnection): void {
    const kind = connection.isMonitor ? 'monitor' : 'pool';
    this.#world.trace.note(`client: a connection of the ${kind} to ${connection.server.name} is open`);
  }

  gone(connection: SimConnection): void {
    this.#unheard.add(connection.node);
    this.sockets.delete(connection);
    this.#writing.delete(connection);
    this.#world.trace.note(`client: a connection to ${connection.server.name} is gone`);
  }

  parameter(connection: SimConnection, name: string, value: string): void {
    if (name !== 'in_hot_standby' || this.#isOfEarlierLife(connection)) return;
    const isLogin = connection.status === 'unknown';
    // What comes with the login of the pool's counts once the server has been asked who it is; a second one of the monitor's is
    // asked for everything, unless the first one has ended by then: when the client knows of that end is its own affair.
    if ((isLogin && !connection.isMonitor) || this.#atLogin.has(connection)) {
      this.#atLogin.set(connection, value);
      // The first one of a node may be the monitor's, which the pool takes over later.
      if (isLogin && !this.#hasOther(connection))
        this.knowledge.roleHinted(connection.node, this.#roleReported(connection, value));
    } else if (isLogin && (this.#rivals.has(connection) || this.#hasOther(connection)))
      this.knowledge.roleHinted(connection.node, this.#roleReported(connection, value));
    else this.knowledge.roleSeen(connection.node, this.#roleReported(connection, value));
  }

  /** Whether there is another connection to the node, which may be the monitor's: its first is one of the pool's. */
  #hasOther(connection: SimConnection): boolean {
    const isOther = (one: SimConnection) => one !== connection && one.node === connection.node;
    return [...this.sockets].some(isOther);
  }

  #roleReported(connection: SimConnection, value: string): RoleEvidence {
    return {
      validFrom: this.#world.loop.now,
      inRecovery: value === 'on',
      generation: this.#generations.get(connection) ?? 0,
    };
  }

  answered(connection: SimConnection, statement: SentStatement, outcome: DriverResult | Error): void {
    if (outcome instanceof Error) return;
    const { kind } = parse(statement.text);
    const atLogin = this.#atLogin.get(connection);
    this.#atLogin.delete(connection);
    if (kind === 'start' && atLogin !== undefined) {
      const known = this.knowledge.told.get(connection.node)?.started;
      if (known === undefined || known === outcome.rows[0]?.['started'])
        this.knowledge.roleSeen(connection.node, this.#roleReported(connection, atLogin));
    }
    if (kind !== 'probe') return;
    const [row] = outcome.rows;
    if (row === undefined) return;
    const { node } = connection;
    const generation = this.#generations.get(connection) ?? 0;
    const known = this.knowledge.told.get(node);
    // Beside an open connection it takes two to say that the address leads to another life of the server.
    if (this.#rivals.has(connection) && known !== undefined && known.started !== row['started'])
      this.knowledge.roleHinted(node, {
        validFrom: this.#world.loop.now,
        inRecovery: known.inRecovery,
        generation,
      });
    this.#world.trace.note(
      `client: ${connection.server.name} answers a probe: ${row['in_recovery']} ${row['timeline']}`,
    );
    this.knowledge.probeAnswered(connection, generation, row, this.#world.at(node).promotable);
    this.#answeredNow.push({ node, connection });
  }

  sending(connection: SimConnection, statement: SentStatement): void {
    const parsed = parse(statement.text);
    this.#noteIncumbent();
    switch (parsed.kind) {
      case 'insert': {
        const id = String(statement.values[0]);
        this.#world.trace.note(`client: sends write ${id} to ${connection.server.name}`);
        this.#world.ledger.sent(id, connection.server);
        if (isMistaken(id)) return;
        this.#checkWrite(connection, `write ${id}`);
        if (connection.status === 'idle' && !isLeased(id)) this.#checkFirst(connection, `write ${id}`);
        if (connection.status !== 'idle') this.#writing.add(connection);
        return;
      }
      case 'begin':
        this.#writing.delete(connection);
        if (parsed.readOnly !== true) this.#checkFirst(connection, 'BEGIN');
        return;
      case 'commit':
        if (this.#writing.delete(connection)) this.#checkWrite(connection, 'COMMIT');
        return;
      case 'select':
        if (statement.text === PREFERS_STANDBY) this.#checkPreference(connection);
        return;
      default:
    }
  }

  /** Nothing is written below what was seen. */
  #checkWrite(connection: SimConnection, what: string): void {
    const { server, life } = connection;
    const { systemIdentifier, timeline } = server.epochOf(life ?? server.life);
    const system = server.surroundings.traits.controlFile ? systemIdentifier : '';
    const floor = this.knowledge.floors.get(system);
    this.#checkLease(connection, what);
    // A claim that the lease refutes makes no floor.
    if (floor === undefined || timeline >= floor || this.#world.scenario.authority) return;
    this.violate(
      `${what} is sent to ${server.name} on timeline ${timeline} after timeline ${floor} was seen`,
    );
  }

  /** With a lease nothing is written to another server than its holder, while that one is well and known to be. */
  #checkLease(connection: SimConnection, what: string): void {
    const { scenario, loop } = this.#world;
    const holder = this.holder;
    if (!scenario.authority || holder === undefined || connection.server === holder) return;
    const { node } = this.#world.siteOf(holder);
    const told = this.knowledge.told.get(node);
    const isKnown = told !== undefined && !told.inRecovery && loop.now - told.askedAt < LEASE_KNOWN_MS;
    const isWell =
      this.holderSince <= loop.now - LEASE_KNOWN_MS && this.#world.isUntroubled(node, LEASE_KNOWN_MS);
    const slow = this.#world.stalls.some(({ until }) => loop.now - until < LEASE_KNOWN_MS);
    if (!isKnown || !isWell || slow || this.#describe(node)?.health !== 'ok') return;
    this.violate(
      `${what} is sent to ${connection.server.name}, but the lease is held by ${node}, which is well`,
    );
  }

  /** Before the first write of all every node is heard, or the time for that is over. */
  #checkGrace(): void {
    if (this.#hasWritten) return;
    this.#hasWritten = true;
    this.#checkAllHeard('the first write');
  }

  /** A read that prefers a standby goes to a primary only once every node is heard, or the time for that is over. */
  #checkPreference({ node }: SimConnection): void {
    if (this.knowledge.roles.get(node)?.inRecovery === false)
      this.#checkAllHeard('a read by the second choice');
  }

  #checkAllHeard(what: string): void {
    const { topology } = this.#cluster ?? {};
    if (topology?.startedAt === undefined || this.#allHeard) return;
    // Less what the sum of two fractions may lack.
    if (this.#world.loop.now - topology.startedAt >= FIRST_WRITE_GRACE_MS - 1e-6) return;
    for (const name of this.#silent(topology)) {
      this.violate(`${what} is sent before ${name} has answered or failed`);
    }
  }

  /** Nodes that have neither answered nor failed. */
  #silent({ nodes }: TopologyDescription): string[] {
    const names = nodes.map(({ name }) => name);
    return names.filter((name) => !this.knowledge.told.has(name) && !this.#unheard.has(name));
  }

  /** The first statement of a call goes only where a fresh answer said that a write may go. */
  #checkFirst(connection: SimConnection, what: string): void {
    this.#checkGrace();
    const { node } = connection;
    const told = this.knowledge.told.get(node);
    const described = this.#describe(node);
    if (told === undefined || told.inRecovery || told.timeline === undefined) {
      this.violate(`${what} is sent to ${node}, which has not said that it is out of recovery`);
    }
    if (!this.#world.at(node).promotable) this.violate(`${what} is sent to ${node}, which is not promotable`);
    this.#checkSystem(told?.systemIdentifier ?? '', what);
    if (told?.readOnly === true) this.violate(`${what} is sent to ${node}, which refuses writes by default`);
    if (described !== undefined && !isTrusted(described)) {
      const { health, role, standing } = described;
      this.violate(`${what} is sent to ${node}, which is ${health}, ${role}, ${standing}`);
    }
  }

  /** All writes go to one cluster, and none while two of them are at hand. */
  #checkSystem(system: string, what: string): void {
    if (this.#system === undefined) {
      const others = [...this.knowledge.told].filter(
        ([node, told]) =>
          this.#world.at(node).promotable &&
          !told.inRecovery &&
          // A fresh connection may have said meanwhile that it is a standby now.
          this.knowledge.roles.get(node)?.inRecovery !== true &&
          told.systemIdentifier !== system &&
          this.#describe(node)?.health === 'ok',
      );
      if (others.length > 0 && !this.#isMajority(system))
        this.violate(`${what} is sent while ${others[0]?.[0]} claims to be of another cluster`);
    }
    this.#system ??= system;
    if (system !== this.#system)
      this.violate(`${what} is sent to system ${system} instead of ${this.#system}`);
  }

  /** Whether more than half of the listed servers have said that they are of this cluster. */
  #isMajority(system: string): boolean {
    const servers = new Set(this.#cluster?.topology.nodes.map(({ name }) => this.#world.at(name).node));
    const ours = [...servers].filter((node) => this.knowledge.told.get(node)?.systemIdentifier === system);
    return 2 * ours.length > servers.size;
  }

  /** Of two equal claims the one that is written to keeps the writes. */
  #noteIncumbent(): void {
    const incumbent = this.#cluster?.topology.incumbent;
    if (incumbent === undefined || incumbent === this.#incumbent) return;
    const rivals = this.knowledge.rivalsOf(incumbent).filter((name) => this.#isRival(name, incumbent));
    const { contest, leaderHint } = this.#cluster?.topology ?? {};
    const named =
      contest?.holder === incumbent || (leaderHint === incumbent && !rivals.includes(this.#incumbent ?? ''));
    if (rivals.length > 0 && !named) {
      this.violate(
        `${incumbent} is given writes instead of ${this.#incumbent}, but ${rivals.join()} claims the same`,
      );
    }
    this.#incumbent = incumbent;
  }

  #isRival(name: string, incumbent: string): boolean {
    const site = this.#world.at(name);
    if (!site.promotable || site === this.#world.at(incumbent)) return false;
    const described = this.#describe(name);
    return described !== undefined && described.health !== 'offline' && described.role !== 'standby';
  }

  /** The lease has moved. */
  leaseHeldBy(server: Server): void {
    if (this.holder !== server) this.holderSince = this.#world.loop.now;
    this.holder = server;
  }

  /** Called when the client has come to rest after something happened to it. */
  look(): void {
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    this.#noteIncumbent();
    this.#checkAnswered();
    const { topology } = cluster;
    this.#allHeard ||= topology.nodes.length > 0 && this.#silent(topology).length === 0;
    if (topology !== this.#topology) this.#checkPicture(topology);
    this.#topology = topology;
    this.#looks++;
    if (this.#looks % SELDOM !== 0) return;
    this.#checkPools(cluster);
    this.#checkHealth(cluster);
  }

  /** Whether the connection is older than what the client knows the node to be now. */
  #isOfEarlierLife(connection: SimConnection): boolean {
    const present = this.#describe(connection.node)?.generation ?? 0;
    return (this.#generations.get(connection) ?? 0) < present;
  }

  /** A node that has just answered is ok. */
  #checkAnswered(): void {
    this.knowledge.looked();
    for (const { node, connection } of this.#answeredNow.splice(0)) {
      const described = this.#describe(node);
      if (described === undefined || !this.sockets.has(connection)) continue;
      const believed = (this.#generations.get(connection) ?? 0) >= (this.#before(node)?.generation ?? 0);
      if (!believed || this.isClosing) continue;
      this.#generations.set(connection, described.generation);
      const evidence = this.knowledge.roles.get(node);
      if (evidence !== undefined) {
        this.knowledge.roles.set(node, { ...evidence, generation: described.generation });
      }
      if (described.health !== 'ok') {
        this.violate(`${node} is ${described.health} although it has just answered a probe`);
      }
    }
  }

  #checkPicture(topology: TopologyDescription): void {
    const before = this.#topology;
    for (const { name } of before?.nodes ?? [])
      if (this.#describe(name) === undefined) this.knowledge.forget(name);
    if (!Object.isFrozen(topology) || !Object.isFrozen(topology.nodes)) {
      this.violate('the topology can be changed');
    }
    if (before !== undefined && topology.version <= before.version) {
      this.violate(`the version went from ${before.version} to ${topology.version}`);
    }
    for (const node of topology.nodes) {
      if (!Object.isFrozen(node)) this.violate(`the description of ${node.name} can be changed`);
      this.#checkRole(node);
      this.#checkMemory(node);
    }
    this.#chronicle?.compare(topology);
    const { loop } = this.#world;
    const canWrite = (this.#cluster?.explainTarget('read-write').tiers.length ?? 0) > 0;
    if (!canWrite) this.writableSince = undefined;
    else this.writableSince ??= loop.now;
  }

  /** What is said of a role does not contradict what is known more freshly. */
  #checkRole(node: NodeDescription): void {
    const evidence = this.knowledge.roles.get(node.name);
    if (evidence === undefined || node.role === 'unknown' || node.roleAt === undefined) return;
    if (evidence.generation < node.generation) return;
    if ((node.role === 'standby') === evidence.inRecovery) return;
    const hint = this.knowledge.hints.get(node.name);
    const isHinted = hint !== undefined && hint.validFrom >= evidence.validFrom;
    if (isHinted && (node.role === 'standby') === hint.inRecovery) return;
    this.violate(
      `${node.name} is said to be ${node.role} as of ${node.roleAt.toFixed(1)}, but was seen otherwise at ${evidence.validFrom.toFixed(1)}`,
    );
  }

  /** A failure ages what was known; it does not erase it. */
  #checkMemory(node: NodeDescription): void {
    const before = this.#before(node.name);
    if (before === undefined || before.role === 'unknown' || before.roleAt === undefined) return;
    const ageMs = this.#world.loop.now - before.roleAt;
    // A rest, or its end.
    if (this.#topology?.startedAt !== this.#cluster?.topology.startedAt) return;
    if (node.role === 'unknown' && ageMs < EXPIRY_MS && !this.#hasAccepted) {
      this.violate(`the role of ${node.name} is forgotten after ${Math.round(ageMs)} ms`);
    }
    if (before.systemIdentifier !== undefined && node.systemIdentifier === undefined) {
      this.violate(`the system identifier of ${node.name} is forgotten`);
    }
  }

  #checkPools(cluster: Cluster): void {
    const open = new Map<string, number>();
    for (const socket of this.sockets) {
      if (!socket.isPools || socket.leaving) continue;
      open.set(socket.node, (open.get(socket.node) ?? 0) + 1);
    }
    for (const { node, pool } of cluster.stats().nodes) {
      // A node that left the list and came back may still be drained under its old name.
      const sockets = this.#world.scenario.discovery ? 0 : (open.get(node) ?? 0);
      if (pool.size + pool.opening > pool.max || sockets > pool.max) {
        this.violate(
          `the pool of ${node} has ${pool.size} open, ${pool.opening} opening, ${sockets} sockets; its limit is ${pool.max}`,
        );
      }
    }
  }

  /** Health is not up while writes have nowhere to go, nor down while a node serves. To ask for it ends a rest. */
  #checkHealth(cluster: Cluster): void {
    if (this.isClosing || this.#world.scenario.restAfterMs > 0 || cluster.topology.startedAt === undefined)
      return;
    const { status } = cluster.health();
    const serves = (target: 'any' | 'read-write') => cluster.explainTarget(target).tiers.flat().length > 0;
    if (status === 'up' && !serves('read-write')) this.violate('health is up, but no node takes writes');
    if ((status === 'down') === serves('any'))
      this.violate(`health is ${status}, and ${serves('any') ? 'a' : 'no'} node serves reads`);
  }

  #before(node: string): NodeDescription | undefined {
    return this.#topology?.nodes.find((one) => one.name === node);
  }

  #describe(node: string): NodeDescription | undefined {
    return this.#cluster?.topology.nodes.find((one) => one.name === node);
  }
}

function isTrusted(node: NodeDescription): boolean {
  return node.health === 'ok' && node.role === 'primary' && node.standing === 'current';
}

/** Ids of writes that the workload sends where they must be refused begin with `m`. */
export function isMistaken(id: string): boolean {
  return id.startsWith('m');
}

/** Ids of writes on a lease begin with `l`: the caller holds the connection, whatever becomes of the node. */
function isLeased(id: string): boolean {
  return id.startsWith('l');
}
