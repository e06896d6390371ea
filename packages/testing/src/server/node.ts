import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TestClusterError } from '../errors.ts';
import { exists } from '../process/cache.ts';
import { releaseSharedMemory } from '../process/shared-memory.ts';
import type { PartitionOptions, TcpProxy } from '../proxy/proxy.ts';
import type { TestCertificate } from '../tls/authority.ts';
import { placeCertificate } from '../tls/server.ts';
import { createUndo, type Undo } from '../undo.ts';
import { waitUntil } from '../wait.ts';
import { Admin } from './admin.ts';
import type { NodeBackup } from './backup.ts';
import type { LogLine, ServerLog } from './log.ts';
import { rowsOf } from './rows.ts';
import { READY_AS_PRIMARY, type ServerProcess, type ServerState } from './server.ts';
import { renderLines, type ServerSettings } from './settings.ts';

/** The setting that makes a standby lag, and its value if it does not. */
const DELAY = 'recovery_min_apply_delay';
const NO_DELAY = '0ms';

/** What a node needs from the cluster it belongs to. */
export interface NodeSurroundings {
  /** Makes the node's data directory and files belong to the user who runs the servers. */
  giveTo(place: string): Promise<void>;
  /** Copies a folder of files that are not being written, for the user who runs the servers. */
  copy(from: string, to: string): Promise<void>;
  /** The cluster's present primary. */
  primary(): TestNode;
  /** Tells the cluster that this node is its primary now. */
  promoted(node: TestNode): void;
  /** Brings a lost node back as standby of the present primary. */
  rejoin(node: TestNode): Promise<void>;
  /** `host=… port=…` under which other nodes reach this node for replication. */
  replicationAddress(node: TestNode): string;
}

/** How a node is put together; made by `createTestCluster`. */
export interface NodeParts {
  readonly name: string;
  readonly port: number;
  readonly server: ServerProcess;
  readonly proxy: TcpProxy | undefined;
  readonly surroundings: NodeSurroundings;
}

/**
 * One real PostgreSQL server of a test cluster. Each fault returns its {@link Undo}. Waiting methods resolve when the fact is
 * established, not when it was asked for.
 */
export class TestNode {
  /** `node1`, `node2`, …; also the `application_name` of its replication. */
  readonly name: string;
  /** Always `127.0.0.1`. */
  readonly host = '127.0.0.1';
  /** The port that clients use: the proxy's if there is one, else the server's. */
  readonly port: number;
  /** The server's own port. */
  readonly directPort: number;
  /** URL of the database `app` for the ordinary role `app`, through the proxy if there is one. */
  readonly url: string;
  /** The same, never through the proxy. */
  readonly directUrl: string;
  /** URL of the database `postgres` for the superuser, never through the proxy. */
  readonly superuserUrl: string;
  /** The data directory. */
  readonly dataDirectory: string;
  /** The server's log. */
  readonly log: ServerLog;
  /** @internal */
  readonly server: ServerProcess;
  /** @internal */
  readonly admin: Admin;
  readonly #ownProxy: TcpProxy | undefined;
  readonly #surroundings: NodeSurroundings;
  #settings: ServerSettings;
  #backups = 0;

  /** @internal */
  constructor(parts: NodeParts) {
    const { name, port, server, proxy, surroundings } = parts;
    this.name = name;
    this.directPort = port;
    this.port = proxy?.port ?? port;
    this.url = `postgresql://app:app@${this.host}:${this.port}/app`;
    this.directUrl = `postgresql://app:app@${this.host}:${port}/app`;
    this.superuserUrl = `postgresql://postgres@${this.host}:${port}/postgres`;
    this.dataDirectory = server.dataDirectory;
    this.log = server.log;
    this.server = server;
    this.#ownProxy = proxy;
    this.#surroundings = surroundings;
    this.#settings = { port };
    this.admin = new Admin(name, this.superuserUrl);
  }

  /** Whether the processes run, are frozen, or do not exist. */
  get state(): ServerState {
    return this.server.state;
  }

  /**
   * The TCP proxy before this node.
   *
   * @throws {@link TestClusterError} when the cluster was made without `proxy: true`.
   */
  get proxy(): TcpProxy {
    if (this.#ownProxy) return this.#ownProxy;
    throw new TestClusterError(
      `${this.name} has no proxy. Make the cluster with createTestCluster({ proxy: true }).`,
    );
  }

  /** Starts the server again, in the role its files say; resolves with the log line that says that it accepts connections. */
  async start(): Promise<LogLine> {
    this.admin.reset();
    return this.server.start();
  }

  /** Shows another certificate to clients that connect from now on. The cluster must have been made with `tls`. */
  async useCertificate(certificate: TestCertificate): Promise<void> {
    await placeCertificate(this.dataDirectory, certificate, (place) => this.#surroundings.giveTo(place));
    await this.reload();
  }

  /** Makes the server read its settings, `pg_hba.conf` and certificates again; later connections use the new ones. */
  async reload(): Promise<void> {
    const since = this.log.mark();
    this.server.reload();
    await this.log.waitFor(/received SIGHUP/, { since });
  }

  /**
   * Stops the server: `fast` (default) ends sessions with 57P01 and waits until standbys have everything; `immediate`
   * drops them. Undo: see {@link TestNode.kill}.
   */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<Undo> {
    await this.server.stop(mode);
    this.admin.reset();
    return createUndo(() => this.#bringBack());
  }

  /**
   * SIGKILLs every process of the server, frozen or not. Undo: starts it again; if another node has been promoted in the meantime, it
   * rejoins as a standby of that one. (To have it back as a second, stale primary call `start()`.)
   */
  async kill(): Promise<Undo> {
    await this.server.kill();
    this.admin.reset();
    return createUndo(() => this.#bringBack());
  }

  /** SIGSTOPs every process of the server: sockets stay open, nothing answers. Undo: {@link TestNode.thaw}. */
  async freeze(): Promise<Undo> {
    await this.server.freeze();
    return createUndo(() => this.thaw());
  }

  /** Lets a frozen server go on. */
  async thaw(): Promise<void> {
    await this.server.thaw();
  }

  /**
   * Makes this standby a primary; resolves with the log line that says that it accepts writes. No other node is notified: other
   * nodes keep the primary that they follow.
   */
  async promote(): Promise<LogLine> {
    const since = this.log.mark();
    if (this.state !== 'running') {
      throw new TestClusterError(
        `${this.name} cannot be promoted: it is ${this.state}. Start or thaw it first.`,
      );
    }
    // The postmaster may find and remove the file before we signal: it looks for it at other occasions, too.
    await writeFile(path.join(this.dataDirectory, 'promote'), '');
    this.server.poke();
    this.#surroundings.promoted(this);
    return this.log.waitFor(READY_AS_PRIMARY, { since });
  }

  /**
   * Brings a lost node back as a standby of the present primary; resolves when it streams. What it had alone is lost. A
   * node that was shut down cleanly before the promotion keeps its files, any other gets a fresh copy of the live primary.
   */
  async rejoin(): Promise<void> {
    await this.#surroundings.rejoin(this);
  }

  /**
   * Stops the server (`fast`) and starts it again as a standby, at the same address and with its own files, following another
   * node or (undefined) none; resolves when it takes connections. No node is promoted.
   */
  async demote(upstream?: TestNode): Promise<void> {
    await this.stop('fast');
    await this.markAsStandby(true);
    await this.follow(upstream);
    await this.start();
  }

  /**
   * Keeps a copy of the files of this stopped node, as a backup on another disk would be: {@link TestNode.restore} takes it.
   *
   * @throws {@link TestClusterError} when the node is not stopped.
   */
  async backUp(): Promise<NodeBackup> {
    this.#assertStopped('backed up');
    const directory = `${this.dataDirectory}.backup-${this.#backups}`;
    this.#backups += 1;
    await this.#surroundings.copy(this.dataDirectory, directory);
    return { directory };
  }

  /**
   * Replaces the files of this stopped node by those of a backup, of this node or another, and starts it as a primary: its timeline
   * is that of the backup, though the others may have gone further. Resolves when it takes writes.
   *
   * @throws {@link TestClusterError} when the node is not stopped.
   */
  async restore(backup: NodeBackup): Promise<LogLine> {
    this.#assertStopped('restored');
    await releaseSharedMemory(this.dataDirectory);
    await rm(this.dataDirectory, { recursive: true, force: true });
    await this.#surroundings.copy(backup.directory, this.dataDirectory);
    await this.configure({});
    await this.markAsStandby(false);
    this.#surroundings.promoted(this);
    return this.start();
  }

  #assertStopped(verb: string): void {
    if (this.state === 'stopped') return;
    throw new TestClusterError(`${this.name} cannot be ${verb}: it is ${this.state}. Stop it first.`);
  }

  /** Makes this standby follow another node, or (undefined) none; takes effect without a restart, soon after. */
  async follow(upstream: TestNode | undefined): Promise<void> {
    const target = upstream ? `${this.#surroundings.replicationAddress(upstream)} user=postgres` : '';
    const conninfo = upstream ? `${target} application_name=${this.name} connect_timeout=5` : '';
    await this.configure({ primary_conninfo: conninfo });
  }

  /** Standby replays commits only when they are this old, in milliseconds. Undo: without delay again. */
  async lag(ms: number): Promise<Undo> {
    await this.configureAndConfirm(DELAY, `${ms}ms`);
    return createUndo(() => this.configureAndConfirm(DELAY, NO_DELAY));
  }

  /** Standby receives but does not replay; resolves when replay really stands still. Undo: {@link TestNode.resumeReplay}. */
  async pauseReplay(): Promise<Undo> {
    await this.admin.query('select pg_wal_replay_pause()');
    const rows = await this.admin.query(
      `select current_setting('server_version_num')::int >= 140000 as modern`,
    );
    // Before 14 there is no telling "requested" from "paused"; replay stops before its next record.
    const paused = rows[0]?.['modern']
      ? `select pg_get_wal_replay_pause_state() = 'paused' as ok`
      : 'select pg_is_wal_replay_paused() as ok';
    await waitUntil(async () => (await this.admin.query(paused))[0]?.['ok'], {
      what: `${this.name} to pause its replay`,
    });
    return createUndo(() => this.resumeReplay());
  }

  /** Lets replay go on. Nothing when the node has been promoted. */
  async resumeReplay(): Promise<void> {
    await this.admin.query('select pg_wal_replay_resume() where pg_is_in_recovery()');
  }

  /** Cuts the network before this node, in the proxy. Default: nothing passes, both ways, and neither side is notified. Undo: {@link TestNode.heal}. */
  async partition(options: PartitionOptions = {}): Promise<Undo> {
    return this.proxy.partition(options);
  }

  /** Ends all faults of the proxy. */
  async heal(): Promise<void> {
    await this.proxy.heal();
  }

  /** @internal Ends the faults that concern this node alone and leave its role as it is. */
  async quieten(): Promise<void> {
    await this.#ownProxy?.heal();
    await this.thaw();
    if (this.state !== 'running') return;
    await this.resumeReplay();
    if ((this.#settings[DELAY] ?? NO_DELAY) !== NO_DELAY) await this.configureAndConfirm(DELAY, NO_DELAY);
  }

  /** Runs a statement as the role `app` in its database, on a connection of its own to this node; returns the rows. */
  async appSql(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return rowsOf(this.directUrl, text, values);
  }

  /** Runs a statement as superuser in the database `postgres` of this node, directly; returns the rows. */
  async sql(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.admin.query(text, values);
  }

  /** @internal Changes the settings that are this node's own, in its files, and reloads if it runs. */
  async configure(settings: ServerSettings): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    const file = path.join(this.dataDirectory, 'node.conf');
    // By a rename: a process that rereads its settings just now must not find half a file.
    const draft = `${file}.draft`;
    await writeFile(draft, renderLines(this.#settings));
    await this.#surroundings.giveTo(draft);
    await rename(draft, file);
    if (this.state === 'running') this.server.reload();
  }

  /** @internal The same for one setting, and waits until every process has it. */
  async configureAndConfirm(name: string, value: string): Promise<void> {
    await this.configure({ [name]: value });
    if (this.state !== 'running') return;
    const question = `select setting || coalesce(unit, '') as now from pg_settings where name = '${name}'`;
    await waitUntil(async () => (await this.admin.queryFresh(question))[0]?.['now'] === value, {
      what: `${this.name} to take up ${name} = ${value}`,
    });
  }

  /** @internal Decides by a file whether the server starts as a standby. */
  async markAsStandby(standby: boolean): Promise<void> {
    const file = path.join(this.dataDirectory, 'standby.signal');
    if (!standby) return rm(file, { force: true });
    await writeFile(file, '');
    await chmod(file, 0o600);
    await this.#surroundings.giveTo(file);
  }

  async #bringBack(): Promise<void> {
    if (this.state !== 'stopped') return;
    const isStandby = await exists(path.join(this.dataDirectory, 'standby.signal'));
    if (isStandby || this.#surroundings.primary() === this) await this.start();
    else await this.rejoin();
  }

  /** @internal Ends everything of this node that lives in this process, and the server. */
  async close(): Promise<void> {
    this.admin.close();
    await this.#ownProxy?.close();
    if (this.state === 'frozen') return;
    try {
      await this.server.stop('immediate', 2_000);
    } catch (error) {
      // The supervisor kills what did not end; a test must not fail for that.
      process.emitWarning(`${this.name} did not stop by itself: ${messageOf(error)}`);
    }
  }
}
