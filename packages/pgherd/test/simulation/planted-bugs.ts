/** A bug that is put into a copy of the sources, to see that the simulation finds it. */
export interface PlantedBug {
  readonly name: string;
  /** File below `src`. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** How many seeds there are among which one must fail. */
  readonly seeds: number;
  /** The first of them, where only few of thousands find it, so that not all before have to be run. Default 1. */
  readonly from?: number | undefined;
}

/** Everything that the simulation must be able to find. Fragments are short, so that they outlive most changes. */
export const PLANTED_BUGS: readonly PlantedBug[] = Object.freeze([
  {
    name: 'there is no floor',
    file: 'topology/arbitrate.ts',
    find: 'node.timeline < floor) {',
    replace: 'node.timeline < 0) {',
    seeds: 200,
  },
  {
    name: 'a floor falls as soon as one of its witnesses is in recovery',
    file: 'floors/withdrawal.ts',
    find: 'const { missing, progress, falls } = follow(circumstances);',
    replace: `const { missing, progress } = follow(circumstances);
  const falls = picture.nodes.some((node) => node.role === 'standby' && witnesses.some((one) => one.node === node.name));`,
    seeds: 400,
  },
  {
    name: 'an old note of the operator counts against what was seen since',
    file: 'floors/acceptance.ts',
    find: 'at !== undefined && askedAt - at <= ageMs,',
    replace: 'at !== undefined && askedAt - at < -MAX_AGE_MS,',
    seeds: 400,
  },
  {
    name: 'of two systems the one that answered most counts, though it has no majority',
    file: 'topology/identity.ts',
    find: '2 * (seen.get(most) ?? 0) > servers.length;',
    replace: '2 * (seen.get(most) ?? 0) > 0;',
    seeds: 1500,
  },
  {
    name: 'no floor ever falls',
    file: 'floors/withdrawal.ts',
    find: 'heldMs >= settings.withdrawAfterMs &&',
    replace: 'heldMs < 0 &&',
    seeds: 400,
  },
  {
    name: 'of equal claims all are believed',
    file: 'topology/arbitrate.ts',
    find: 'if (node.name === believed || ',
    replace: 'if (node.name !== undefined || ',
    seeds: 200,
  },
  {
    name: 'late timers are evidence',
    file: 'time/watchdog.ts',
    find: 'if (!rearmed) {',
    replace: 'if (rearmed) {',
    seeds: 200,
  },
  {
    name: 'a failed connection makes the role forgotten',
    file: 'topology/node.ts',
    find: 'connectFailure: observation.failure,',
    replace: "connectFailure: observation.failure, role: 'unknown', timeline: undefined,",
    seeds: 100,
  },
  {
    name: 'older answers overwrite newer evidence',
    file: 'topology/node.ts',
    find: 'if (isOvertaken || (isOlder && contradicts)) {',
    replace: 'if (isOvertaken && isOlder && contradicts && false) {',
    from: 2_401,
    seeds: 700,
  },
  {
    name: 'a promotion is believed without its timeline',
    file: 'topology/writable.ts',
    find: 'if (node.timeline !== undefined) return true;',
    replace: 'return true;',
    seeds: 400,
  },
  {
    name: 'suspect nodes are given work',
    file: 'topology/usable.ts',
    find: "if (node.health !== 'ok') return",
    replace: "if (node.health === 'offline') return",
    // Two seeds of a hundred find it.
    seeds: 300,
  },
  {
    name: 'a refused write moves on without a probe that confirms it',
    file: 'recovery/recovery.ts',
    find: 'if (description === undefined || !isWritable(description, fencing)) return true;',
    replace: 'if (runtime !== undefined) return true;',
    seeds: 200,
  },
  {
    name: 'a write that was sent is run again after a bare close',
    file: 'retry/classify.ts',
    find: "const certain = severity === 'ERROR' ||",
    replace: "const certain = severity !== 'FATAL' ||",
    seeds: 200,
  },
  {
    name: 'the connections of a stale node are kept',
    file: 'topology/disposition.ts',
    find: "if (after.standing !== before.standing && after.standing !== 'current') {",
    replace: "if (after.standing === 'current' && after.standing !== before.standing && false) {",
    seeds: 400,
  },
  {
    name: 'waiting calls are not woken',
    file: 'herd/herd.ts',
    find: "if (wake !== 'none') this",
    replace: "if (wake === 'lag') this",
    seeds: 200,
  },
  {
    name: 'what runs while close() waits is not fenced',
    file: 'herd/herd.ts',
    find: "if (this.#state === 'closed' || this.#state === 'resting') return;",
    replace: "if (this.isClosed || this.#state === 'resting') return;",
    from: 9_001,
    seeds: 100,
  },
  {
    name: 'what is being opened while other connections are lost goes on',
    file: 'pool/pool.ts',
    find: 'this.#openings.abandon(() => this.#errors.evicted(reason), since);',
    replace: 'this.#openings.abandon(() => this.#errors.evicted(reason), since - since);',
    from: 6_401,
    seeds: 100,
  },
  {
    name: 'the first write does not wait for the other nodes',
    file: 'topology/arbitrate.ts',
    find: 'writesOpen: topology.writesOpen ||',
    replace: 'writesOpen: true ||',
    seeds: 100,
  },
  {
    name: 'the second choice does not wait for the first',
    file: 'routing/select.ts',
    find: 'WRITES.has(pass.asks) || pass !== passes[0]',
    replace: 'WRITES.has(pass.asks)',
    seeds: 300,
  },
  {
    name: 'a commit that the server rolled back is taken for done',
    file: 'transaction/session-transaction.ts',
    find: "if (command !== 'COMMIT') throw",
    replace: "if (command === 'NONE') throw",
    seeds: 200,
  },
  {
    name: 'a commit that no standby confirmed is taken for done',
    file: 'node/session.ts',
    find: 'this.#committedLocallyOnly = true;',
    replace: 'this.#committedLocallyOnly = false;',
    seeds: 400,
  },
  {
    name: 'the pool opens more than its limit',
    file: 'pool/pool.ts',
    find: 'this.#openings.atLeast(Math.min(scarcity.limit - size, wanted), unserved > 0, size);',
    replace: 'this.#openings.atLeast(wanted, unserved > 0, size);',
    seeds: 100,
  },
  {
    name: 'a transaction that was left open goes to the next caller',
    file: 'node/session.ts',
    find: "connection.status === 'idle' && !this.#isChanged",
    replace: '!this.#isChanged',
    seeds: 200,
  },
  {
    name: 'a connection that was closed as soon as it was open is kept by the monitor',
    file: 'monitor/prober.ts',
    find: 'if (connection.closed) throw',
    replace: 'if (connection.closed && false) throw',
    from: 1_001,
    seeds: 1000,
  },
  {
    name: 'what became of the node before the refused statement counts',
    file: 'recovery/recovery.ts',
    find: 'return runtime.disposedAt > handedAt;',
    replace: 'return runtime.disposedAt >= call.startedAt;',
    seeds: 40,
  },
  {
    name: 'a stopped monitor leaves its timer behind',
    file: 'monitor/monitor.ts',
    find: "this.#state = 'stopped';\n    this.#timer?.cancel();",
    replace: "this.#state = 'stopped';",
    seeds: 20,
  },
  {
    name: 'the pool takes over any connection of the monitor',
    file: 'monitor/prober.ts',
    find: 'if (connection === undefined || !this.first.isTakeable(connection)) return',
    replace: 'if (connection === undefined) return',
    seeds: 400,
  },
  {
    name: 'the monitor goes on with the connection that the pool has taken over',
    file: 'monitor/prober.ts',
    find: '      this.#connection = undefined;\n      // It is',
    replace: '      // It is',
    seeds: 400,
  },
  {
    name: 'what is reported on a connection that was taken over goes to the monitor',
    file: 'monitor/connection.ts',
    find: 'this.#relay.passTo(listener);',
    replace: 'listener.message;',
    seeds: 400,
  },
  {
    name: 'a refused login is never taken back',
    file: 'dial/login-gate.ts',
    find: '    this.#refusal = undefined;',
    replace: '    if (this.#refusal === undefined) this.#refusal = undefined;',
    seeds: 400,
  },
  {
    name: 'connections in use that the network has forgotten are not looked into',
    file: 'trial/trial.ts',
    find: 'for (const session of this.#ports.inUse()) this.#suspect(session);',
    replace: 'for (const session of this.#ports.inUse().slice(0, 0)) this.#suspect(session);',
    seeds: 400,
  },
  {
    name: 'a connection that was lost alone is never looked into',
    file: 'trial/trial.ts',
    find: 'if (waitedMs >= LONG_MS) this.begin();',
    replace: 'if (waitedMs < 0) this.begin();',
    seeds: 400,
  },
  {
    name: 'a slow login has no longer than a probe',
    file: 'monitor/dial-limit.ts',
    find: 'if (!wasOk) return connectTimeoutMs;',
    replace: 'if (!wasOk) return timeoutMs;',
    seeds: 400,
  },
  {
    name: 'a cluster that wakes writes by its old picture',
    file: 'topology/rest.ts',
    find: 'nodes: Object.freeze(topology.nodes.map(restingNode)),',
    replace: 'nodes: topology.nodes,',
    seeds: 200,
  },
  {
    name: 'after a rest the first write does not wait',
    file: 'topology/rest.ts',
    find: '    writesOpen: false,\n',
    replace: '',
    seeds: 400,
  },
  {
    name: 'health is up while writes have nowhere to go',
    file: 'herd/health.ts',
    find: 'if (!expectsWrites || (writable',
    replace: 'if (expectsWrites || (writable',
    seeds: 100,
  },
  {
    name: 'health is down though a node serves',
    file: 'herd/health.ts',
    find: "!canRead ? 'down' : reasons.length > 0",
    replace: "reasons.length > 1 ? 'down' : reasons.length > 0",
    seeds: 100,
  },
  {
    name: 'while slots are scarce a pool opens no connection at all',
    file: 'pool/scarcity.ts',
    find: 'if (this.#lowered === undefined) return max;',
    replace: 'if (this.#isActive) return 0;',
    seeds: 100,
  },
]);
