import { describe, expect, it } from 'vitest';
import { Backends, type Finding } from '../../src/pooler/backends.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';

/** What is noted, in order: `a71` is process 71 on connection `a`, `a71@two` in another life of the server. */
function findingsOf(noted: string, reported: number | undefined = -5): string[] {
  const backends = new Backends();
  const connections = new Map<string, ScriptedConnection>();
  const found: Finding[] = [];
  for (const one of noted.split(' ')) {
    const [, name = '', pid = '', start = 'one'] = /^([a-z])(\d*)(?:@(\w+))?$/.exec(one) ?? [];
    const connection = connections.get(name) ?? new ScriptedConnection({ backendPid: reported });
    connections.set(name, connection);
    const by = {
      backendPid: pid === '' ? undefined : Number(pid),
      postmasterStartedAt: start === 'none' ? undefined : start,
    };
    found.push(backends.noted(connection, by));
  }
  return found.map((finding) => (finding.kind === 'proof' ? finding.shown : finding.kind));
}

const TWO = 'two processes of the server have answered on one connection';
const ONE = 'one process of the server has answered on two open connections';

describe('the processes that answer', () => {
  it.each([
    ['one connection, always the same process', 'a71 a71 a71', ['nothing', 'nothing', 'nothing']],
    [
      'a connection each, as in session mode',
      'a71 b72 a71 b72',
      ['nothing', 'nothing', 'nothing', 'nothing'],
    ],
    ['two processes on one connection', 'a71 a72', ['nothing', TWO]],
    ['the same number in another life of the server', 'a71 a71@two', ['nothing', TWO]],
    ['a process that went to another connection', 'a71 b71 b71', ['nothing', 'look-again', 'nothing']],
    ['one process on two connections', 'a71 b71 a71', ['nothing', 'look-again', ONE]],
    ['the same number on two servers', 'a71 b71@two a71', ['nothing', 'nothing', 'nothing']],
    [
      'servers that do not say when they were started',
      'a71@none b71@none a72@none',
      Array(3).fill('nothing'),
    ],
    ['no process at all', 'a a71 b a71', Array(4).fill('nothing')],
  ])('%s', (_what, noted, expected) => {
    expect(findingsOf(noted)).toEqual(expected);
  });

  it('that connections report themselves prove nothing, until one is another', () => {
    expect(findingsOf('a71 b71 a71', 71)).toEqual(['nothing', 'nothing', 'nothing']);
    expect(findingsOf('a71 a72 a71', 71)).toEqual(['nothing', 'nothing', TWO]);
  });

  it('prove nothing if the driver does not report any', () => {
    const backends = new Backends();
    const connection = new ScriptedConnection();
    for (const backendPid of [71, 72]) {
      expect(backends.noted(connection, { backendPid, postmasterStartedAt: 'one' }).kind).toBe('nothing');
    }
    expect(backends.areMasked).toBe(false);
  });

  it('are masked once a connection has reported another number', () => {
    const backends = new Backends();
    const noted = (reported: number) =>
      backends.noted(new ScriptedConnection({ backendPid: reported }), {
        backendPid: 71,
        postmasterStartedAt: 'one',
      });
    noted(71);
    expect(backends.areMasked).toBe(false);
    noted(-5);
    expect(backends.areMasked).toBe(true);
  });

  it('are forgotten, the oldest first, when there are many', () => {
    const backends = new Backends();
    const shownElsewhere = (backendPid: number) =>
      backends.noted(new ScriptedConnection({ backendPid: -5 }), { backendPid, postmasterStartedAt: 'one' })
        .kind;
    for (let pid = 1; pid <= 65; pid++) expect(shownElsewhere(pid)).toBe('nothing');
    expect([65, 2, 1].map(shownElsewhere)).toEqual(['look-again', 'look-again', 'nothing']);
  });
});
