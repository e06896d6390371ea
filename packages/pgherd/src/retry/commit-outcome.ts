/** A server's report about a transaction whose COMMIT was not answered. */
export interface CommitReport {
  /** Whether this is certainly the server that ran the transaction, not restarted since. */
  readonly sameServer: boolean;
  /** Whether the server is out of recovery and current: not superseded, not of another cluster. */
  readonly believed: boolean;
  /** From `pg_xact_status`; `undefined` if the server no longer remembers it. */
  readonly status: 'committed' | 'aborted' | 'in progress' | undefined;
  /** Whether commits on it wait for synchronous standbys. */
  readonly synchronous: boolean;
  /** Whether the transaction's process waits for them right now. */
  readonly waitsForStandby: boolean;
}

/** The next step of the inquiry. */
export type CommitStep =
  /** It is committed, as surely as if COMMIT had been answered. */
  | 'committed'
  /** It is not committed, and never will be. */
  | 'not-committed'
  /** It is committed on the server itself; a synchronous standby must confirm it. */
  | 'confirm'
  /** COMMIT did not arrive, or is still on its way: end the process, so that the outcome becomes final. */
  | 'terminate'
  /** Ask again after a pause. */
  | 'wait'
  /** The outcome cannot be found out. */
  | 'unknown';

/**
 * Decides what a report means. A process that waits for a synchronous standby is never ended: the server
 * would then report a commit that no standby has. A process may begin to wait just as it is ended, so a
 * commit is confirmed on every server where commits wait.
 */
export function decideCommit(report: CommitReport, terminated: boolean): CommitStep {
  if (!report.sameServer || !report.believed) return 'unknown';
  switch (report.status) {
    case 'committed':
      return report.synchronous ? 'confirm' : 'committed';
    case 'aborted':
      return 'not-committed';
    case 'in progress':
      return report.waitsForStandby || terminated ? 'wait' : 'terminate';
    case undefined:
      return 'unknown';
    default:
      return report.status satisfies never;
  }
}
