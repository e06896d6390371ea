import { messageOf, PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import {
  assertHooksBehindPooler,
  type HookConnection,
  type HookVerdict,
  hookConnection,
} from '../options/hooks.ts';
import { setsRole } from '../options/session-settings.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { unlessAborted, withLimit } from '../time/wait.ts';
import type { Session } from './session.ts';

/** What the hooks of a node's connections need from it. */
export interface SessionHooksPorts {
  readonly node: string;
  readonly settings: ClusterSettings;
  /** Whether connections lead to a pooler. */
  isBehindPooler(): boolean;
  /** Reports something that the operator should know. */
  warned(message: string): void;
}

/**
 * Runs the program's hooks in the life of a node's connections. A hook that throws or hangs costs its
 * connection only.
 */
export class SessionHooks {
  readonly #ports: SessionHooksPorts;

  constructor(ports: SessionHooksPorts) {
    this.#ports = ports;
  }

  /** Runs before a connection is opened; if the hook throws, none is. */
  async beforeConnect(access: Access, signal: AbortSignal): Promise<void> {
    const { beforeConnect } = this.#hooks;
    if (beforeConnect === undefined) return;
    const { user, database } = this.#ports.settings.plan;
    const hook = async () => beforeConnect({ node: this.#ports.node, user, database, access });
    signal.throwIfAborted();
    await unlessAborted(hook(), signal);
  }

  /** Makes a new session what the options ask for. If that fails, the session is destroyed. */
  async prepare(session: Session, signal: AbortSignal): Promise<void> {
    const { afterConnect } = this.#hooks;
    const { connection } = session;
    const role = setsRole(this.#ports.settings.plan) && !this.#ports.isBehindPooler();
    if (role || afterConnect !== undefined) {
      session.restoreBy(async () => {
        // RESET ROLE restores the role of the startup packet; DISCARD ALL does not.
        if (role) await connection.simple('RESET ROLE');
        await this.#afterConnect(session, 'reset');
      });
    }
    if (afterConnect === undefined) return;
    try {
      if (this.#ports.isBehindPooler()) assertHooksBehindPooler(this.#hooks);
      signal.throwIfAborted();
      // The hook may write.
      await session.setAccess(session.access);
      await unlessAborted(this.#afterConnect(session, 'opened'), signal);
      if (!session.isClean) throw leftUnclean();
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Why the hook before a use refuses the session; `undefined` if it does not. */
  refusalBeforeUse(session: Session): Promise<string | undefined> {
    return this.#refusalOf(session, this.#hooks.beforeAcquire, 'failed its validation');
  }

  /** As {@link refusalBeforeUse}, for the hook after a use; `undefined` without that hook. */
  get refusalAfterUse(): ((session: Session) => Promise<string | undefined>) | undefined {
    const { afterRelease } = this.#hooks;
    if (afterRelease === undefined) return undefined;
    return (session) => this.#refusalOf(session, afterRelease, 'refused by hooks.afterRelease');
  }

  /** Runs before a connection is closed in order. Never rejects. */
  async beforeClose({ connection }: Session, reason: string): Promise<void> {
    const { beforeClose } = this.#hooks;
    if (beforeClose === undefined) return;
    const hook = async () => beforeClose(hookConnection(this.#ports.node, connection), reason);
    await this.#limited(hook).catch((error: unknown) => this.#warn('beforeClose', error));
  }

  get #hooks() {
    return this.#ports.settings.hooks;
  }

  async #afterConnect({ connection }: Session, reason: 'opened' | 'reset'): Promise<void> {
    const { afterConnect } = this.#hooks;
    if (afterConnect === undefined) return;
    await afterConnect(hookConnection(this.#ports.node, connection), reason);
    connection.markClean?.();
  }

  /** Why a hook refuses the session. A hook may change the session, which is cleaned up afterwards. */
  async #refusalOf(session: Session, hook: Check | undefined, refusal: string): Promise<string | undefined> {
    if (hook === undefined) return undefined;
    try {
      const { connection } = session;
      const verdict = await this.#limited(async () => hook(hookConnection(this.#ports.node, connection)));
      if (verdict === false || connection.closed) return refusal;
      if (!session.isClean) await this.#limited(() => session.cleanUp());
      return session.isClean ? undefined : refusal;
    } catch (error) {
      this.#warn(hook === this.#hooks.beforeAcquire ? 'beforeAcquire' : 'afterRelease', error);
      return refusal;
    }
  }

  #limited<T>(hook: () => Promise<T>): Promise<T> {
    const { clock, connectTimeoutMs } = this.#ports.settings;
    return withLimit(clock, connectTimeoutMs, hook());
  }

  #warn(hook: string, error: unknown): void {
    const reason = messageOf(error);
    this.#ports.warned(`hooks.${hook} failed on a connection to ${this.#ports.node}: ${reason}`);
  }
}

type Check = (connection: HookConnection) => HookVerdict | Promise<HookVerdict>;

function leftUnclean(): PgHerdError {
  return new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'hooks.afterConnect left a transaction open, or changed the session in a way that cannot be kept. Use the ' +
      'option session instead.',
  );
}
