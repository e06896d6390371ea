import { expect, it } from 'vitest';
import { type CommitReport, type CommitStep, decideCommit } from '../../src/retry/commit-outcome.ts';

const REPORT: CommitReport = {
  sameServer: true,
  believed: true,
  status: 'committed',
  synchronous: false,
  waitsForStandby: false,
};

it.each<[string, Partial<CommitReport>, boolean, CommitStep]>([
  ['committed', {}, false, 'committed'],
  ['committed after its process was ended', {}, true, 'committed'],
  ['committed where commits wait for standbys', { synchronous: true }, false, 'confirm'],
  ['committed there after its process was ended', { synchronous: true }, true, 'confirm'],
  ['aborted', { status: 'aborted' }, false, 'not-committed'],
  [
    'aborted where commits wait for standbys',
    { status: 'aborted', synchronous: true },
    true,
    'not-committed',
  ],
  ['in progress', { status: 'in progress' }, false, 'terminate'],
  ['in progress although its process was told to end', { status: 'in progress' }, true, 'wait'],
  [
    'waiting for its standby, and is not to be disturbed',
    { status: 'in progress', synchronous: true, waitsForStandby: true },
    false,
    'wait',
  ],
  ['forgotten', { status: undefined }, false, 'unknown'],
  ['committed on a server that began another life', { sameServer: false }, false, 'unknown'],
  ['aborted on a server that began another life', { sameServer: false, status: 'aborted' }, false, 'unknown'],
  ['in progress there: a stranger', { sameServer: false, status: 'in progress' }, false, 'unknown'],
  ['committed on a server that was superseded', { believed: false }, false, 'unknown'],
])('a transaction that is %s', (_what, report, terminated, step) => {
  expect(decideCommit({ ...REPORT, ...report }, terminated)).toBe(step);
});
