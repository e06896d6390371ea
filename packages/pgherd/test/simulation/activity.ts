import type { Row } from '../../src/model/statement.ts';
import type { Activity, ServerView } from './surroundings.ts';

/** A question about sessions by their process IDs, as the library asks it when it looks for lost connections. */
export type ActivityQuestion =
  | { readonly kind: 'look'; readonly pids: readonly number[] }
  /** Ends those that are still the same, in the same state. */
  | { readonly kind: 'end-backends'; readonly same: readonly string[] };

/** What is known of the texts of such questions. */
export const ACTIVITY_PATTERNS: readonly (readonly [RegExp, (match: RegExpExecArray) => ActivityQuestion])[] =
  [
    [/^SELECT a\.pid::text AS pid, \(a\.datname.*a\.pid IN \(([\d, ]+)\)$/s, (match) => look(match[1])],
    [/^SELECT a\.pid::text AS pid, pg_catalog\.pg_terminate_backend/s, (match) => end(match.input)],
  ];

function look(pids = ''): ActivityQuestion {
  return { kind: 'look', pids: pids.split(', ').map(Number) };
}

function end(text: string): ActivityQuestion {
  const found = text.matchAll(
    /a\.pid = (\d+) AND .*?backend_start.*? = (\d+) AND .*?state_change.*? = (\d+)\)/g,
  );
  return {
    kind: 'end-backends',
    same: [...found].map(([, pid, started, changed]) => `${pid} ${started} ${changed}`),
  };
}

/** The answer to such a question; the sessions that are to end do. */
export function activityRows(question: ActivityQuestion, server: ServerView): Row[] {
  const all = [...server.backends];
  if (question.kind === 'look')
    return all.flatMap(({ activity }) =>
      question.pids.includes(activity.pid) ? [rowOf(activity, server)] : [],
    );
  return all.flatMap((backend) => {
    const { pid, startedAt, changedAt, isBusy } = backend.activity;
    const same = `${pid} ${microseconds(server.clockOf(startedAt))} ${microseconds(server.clockOf(changedAt))}`;
    if (isBusy || !question.same.includes(same)) return [];
    backend.terminate();
    return [{ pid: String(pid), ended: 'true' }];
  });
}

function rowOf({ pid, isBusy, isInTransaction, ...times }: Activity, server: ServerView): Row {
  const [startedAt, changedAt, now] = [times.startedAt, times.changedAt, server.surroundings.loop.now].map(
    (ms) => server.clockOf(ms),
  ) as [number, number, number];
  return {
    pid: String(pid),
    here: 'true',
    started: microseconds(startedAt),
    age: (now - startedAt).toFixed(3),
    state: isBusy ? 'active' : isInTransaction ? 'idle in transaction' : 'idle',
    changed: microseconds(changedAt),
    unchanged: (now - changedAt).toFixed(3),
    wait: isBusy ? null : 'Client/ClientRead',
  };
}

function microseconds(ms: number): string {
  return String(Math.round(ms * 1_000));
}
