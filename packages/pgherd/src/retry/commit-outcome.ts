/** What a server says of a transaction whose COMMIT was not answered. */
export interface CommitReport {
  /** Whether it is for sure the server that the transaction ran on, in the same life. */
  readonly sameServer: boolean;
  /** Whether the picture of now believes in that server, out of recovery: not superseded, not of another cluster. */
  readonly believed: boolean;
  /** As of `pg_xact_status`; `undefined` where it is not remembered any more. */
  readonly status: 'committed' | 'aborted' | 'in progress' | undefined;
  /** Whether commits wait for synchronous standbys there. */
  readonly synchronous: boolean;
  /** Whether the transaction's process waits for them right now. */
  readonly waitsForStandby: boolean;
}

/** What is to be done next. */
export type CommitStep =
  /** It is committed, as surely as if COMMIT had been answered. */
  | 'committed'
  /** It is not, and never will be. */
  | 'not-committed'
  /** It is committed on the server itself; whether its synchronous standbys have it has to be found out. */
  | 'confirm'
  /** COMMIT did not arrive, or is on its way: ends the process, so that one or the other becomes final. */
  | 'terminate'
  /** Ask again in a moment. */
  | 'wait'
  /** It cannot be found out. */
  | 'unknown';

/**
 * Decides what a report means. A process that waits for a synchronous standby is never ended: the server would then call committed what
 * no standby has. A process may begin to wait just when it is ended, so that a commit is confirmed wherever commits wait.
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
