import { describe, expect, it } from 'vitest';
import { lineText, lineWidth } from '../src/shell/line.ts';
import { withoutColor } from '../src/shell/paint.ts';
import { type Key, pressed, shownState } from '../src/watch/keys.ts';
import { clockText, lastLines, layout, SMALLEST } from '../src/watch/layout.ts';
import { significant } from '../src/watch/observe.ts';
import {
  HISTORY_SECONDS,
  initialState,
  LOG_LINES,
  logged,
  sampled,
  type WatchState,
} from '../src/watch/state.ts';
import { BEGIN, description, NODES, sample, stateOf } from './watch-samples.ts';

const screen = (state: WatchState, columns: number, rows: number): string[] =>
  layout(shownState(state), { columns, rows }).map((line) => lineText(line, withoutColor));

const after = (state: WatchState, ...keys: readonly Key[]): WatchState =>
  keys.reduce((now, key) => pressed(now, key).state, state);

const line = (text: string, second = 0) => ({ at: BEGIN + second * 1_000, level: 'warn', text }) as const;

describe('the state', () => {
  it('keeps a history of so many seconds; what is not known stays unknown', () => {
    const { history } = stateOf(NODES, HISTORY_SECONDS + 5);
    expect(history.get('db2:5432')?.lagMs).toEqual(Array(HISTORY_SECONDS).fill(12));
    expect(history.get('db1:5432')?.lagMs).toEqual(Array(HISTORY_SECONDS).fill(undefined));
    expect(history.get('db3:5432')?.latencyMs.at(-1)).toBeUndefined();
  });

  it('adds nothing to the history between the seconds', () => {
    const state = stateOf(NODES, 3);
    const next = sampled(state, sample(3.4), false);
    expect(next.history).toBe(state.history);
    expect(next.sample?.at).toBe(BEGIN + 3_400);
  });

  it('counts transactions a second, and none over a restart', () => {
    const state = stateOf(NODES, 3);
    expect(state.perSecond.get('db1:5432')).toBe(20);
    expect(sampled(state, sample(4, NODES, 5), true).perSecond.has('db1:5432')).toBe(false);
  });

  it('bounds the log', () => {
    let state = initialState('app@shop', BEGIN);
    for (let index = 0; index < LOG_LINES + 10; index++) state = logged(state, line(`${index}`));
    expect(state.log).toHaveLength(LOG_LINES);
    expect(state.log.at(-1)?.text).toBe(String(LOG_LINES + 9));
  });

  it('selects another node when the selected one is gone', () => {
    const state = after(stateOf(), { name: 'down' });
    expect(state.selected).toBe('db2:5432');
    expect(sampled(state, sample(6, NODES.slice(2)), true).selected).toBe('db3:5432');
  });
});

describe('keys', () => {
  it.each([
    [['down'], 'db2:5432'],
    [['j', 'j'], 'db3:5432'],
    [['j', 'j', 'j'], 'db3:5432'],
    [['j', 'j', 'k'], 'db2:5432'],
    [['up'], 'db1:5432'],
  ])('%j selects %s', (names, selected) => {
    expect(after(stateOf(), ...names.map((name) => ({ name }))).selected).toBe(selected);
  });

  it.each([
    [{ name: 'q' }, 'quit'],
    [{ name: 'c', ctrl: true }, 'interrupt'],
    [{ name: 'd', ctrl: true }, 'quit'],
    [{ name: 'z', ctrl: true }, 'suspend'],
    [{ name: 'l', ctrl: true }, 'redraw'],
    [{ name: 'x' }, undefined],
    [{ name: 'q', ctrl: true }, undefined],
  ] as const)('%j asks for %s', (key, effect) => {
    const state = stateOf();
    expect(pressed(state, key)).toEqual({ state, effect });
  });

  it.each([
    [[{ name: 'return' }], 'details'],
    [[{ name: 'return' }, { name: 'return' }], 'none'],
    [[{ sequence: '?' }], 'help'],
    [[{ name: 'return' }, { sequence: '?' }], 'help'],
    [[{ sequence: '?' }, { name: 'escape' }], 'none'],
  ] as const)('%j opens %s', (keys, panel) => {
    expect(after(stateOf(), ...keys).panel).toBe(panel);
  });

  it('pause the picture, and go on with what has happened meanwhile', () => {
    let state = after(stateOf(), { name: 'p' });
    state = logged(sampled(state, sample(9, NODES.slice(0, 1)), true), line('news'));
    const paused = screen(state, 100, 24).join('\n');
    expect(paused).toContain('paused');
    expect(paused).toContain('db3:5432');
    expect(paused).not.toContain('news');
    const goesOn = screen(after(state, { name: 'p' }), 100, 24).join('\n');
    expect(goesOn).not.toMatch(/paused|db3:5432/);
    expect(goesOn).toContain('news');
  });

  it('move the selection on the picture that is paused', () => {
    const state = after(stateOf(), { name: 'p' }, { name: 'j' });
    expect(screen(state, 100, 24).find((text) => text.startsWith('▸'))).toContain('db2:5432');
  });
});

describe('the layout', () => {
  it('shows nodes, roles, timelines, lag and its history, round trips, connections, transactions and the log', () => {
    const state = logged(stateOf(), line('db3:5432 is offline', 2));
    expect(screen(state, 140, 15)).toEqual([
      expect.stringMatching(/^pgherd watch {3}app@shop +5 s {3}17:04:10$/),
      'degraded: writes go to db1:5432',
      '  ! db3:5432 is offline: connect ECONNREFUSED 10.0.0.3:5432',
      '',
      expect.stringMatching(
        /^ +node +role +health +standing +timeline +lag +lag, last 30 s +round trip +connections +tx\/s$/,
      ),
      expect.stringMatching(/^▸ {2}● {2}db1:5432 +primary +ok +current +2 +- +0\.4 ms +12 of 100 +20$/),
      expect.stringMatching(
        /^ {3}○ {2}db2:5432 +standby +ok +current +≥ 2 +16 kB, 12 ms +██████ +0\.4 ms +12 of 100 +20$/,
      ),
      expect.stringMatching(/^ {3}× {2}db3:5432 +unknown +offline +current +- +- +- +- +-$/),
      '',
      '17:04:07  db3:5432 is offline',
      '',
      '',
      '',
      '',
      expect.stringContaining('q quit'),
    ]);
  });

  it.each([
    [200, 60],
    [120, 30],
    [80, 24],
    [80, 8],
    [60, 10],
    [SMALLEST.columns, SMALLEST.rows],
    [39, 24],
    [80, 5],
    [20, 3],
    [10, 1],
  ])('fills %i × %i exactly, with every panel', (columns, rows) => {
    for (const keys of [[], [{ name: 'return' }], [{ sequence: '?' }], [{ name: 'p' }]]) {
      let state = logged(stateOf(), line(`日本 \u001b[2J ${'long '.repeat(60)}`));
      state = after(state, ...keys);
      const lines = layout(shownState(state), { columns, rows });
      expect(lines).toHaveLength(rows);
      for (const one of lines) expect(lineWidth(one)).toBeLessThanOrEqual(columns);
    }
  });

  it('says that a terminal is too small, with the status', () => {
    expect(screen(stateOf(), 39, 5)).toEqual([
      '39 × 5 is too small, 40 × 6 at least',
      expect.stringContaining('degraded'),
      expect.stringContaining('db3:5432'),
      '',
      '',
    ]);
  });

  it.each([
    [120, ['tx/s', 'connections', 'round trip', 'lag, last', 'timeline', 'standing', 'health']],
    [108, ['tx/s', 'connections', 'round trip', 'lag, last', 'timeline', 'health']],
    [100, ['connections', 'round trip', 'lag, last', 'timeline', 'health']],
    [80, ['lag, last', 'timeline', 'health']],
    [70, ['timeline', 'health']],
    [54, ['health']],
    [44, []],
  ])('leaves out columns in a terminal of %i', (columns, shown) => {
    const all = ['tx/s', 'connections', 'round trip', 'lag, last', 'timeline', 'standing', 'health'];
    const titles = screen(stateOf(), columns, 20).find((text) => text.includes('role')) ?? '';
    expect(all.filter((title) => titles.includes(title))).toEqual(shown);
  });

  it('shows the selected node where not all have room, and says which they are', () => {
    const nodes = Array.from({ length: 12 }, (_, index) => description({ name: `db${index + 1}:5432` }));
    const state = after(stateOf(nodes), ...Array<Key>(9).fill({ name: 'j' }));
    const lines = screen(state, 80, 10);
    expect(lines.join('\n')).toMatch(/▸.*db10:5432/);
    expect(lines.join('\n')).toMatch(/nodes 7 to 12 of 12/);
    expect(lines.at(-1)).toContain('q quit');
  });

  it('shows the details of the selected node, and the log below them', () => {
    const state = after(logged(stateOf(), line('something')), { name: 'j' }, { name: 'return' });
    const text = screen(state, 100, 30).join('\n');
    for (const part of [
      'standby, ok, current',
      '2026-03-01 13:05:00 UTC',
      'PostgreSQL 18.4, up since 2026-03-01 13:00:00 UTC',
      '7713606904747255760',
      '0/3000148, received 0/3000150, timeline ≥ 2',
      '16 kB, 12 ms',
      'something',
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/undefined|NaN/);
  });

  it('escapes and bounds what servers say', () => {
    const evil = 'a\u001b]0;title\u0007\u001b[2J\r\n\u202e';
    const nodes = [
      description({ name: evil, healthReason: evil, health: 'offline', tags: { [evil]: evil } }),
    ];
    const state = after(logged(stateOf(nodes), line(evil.repeat(100))), { name: 'return' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not come through.
    for (const text of screen(state, 100, 30)) expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('leaves the last picture and the end of the log', () => {
    let state = stateOf();
    for (let index = 0; index < 15; index++) state = logged(state, line(`event ${index}`, index));
    const lines = lastLines(state, 100).map((one) => lineText(one, withoutColor));
    expect(lines.slice(-10).map((text) => text.slice(10))).toEqual(
      Array.from({ length: 10 }, (_, index) => `event ${index + 5}`),
    );
    expect(lines.join('\n')).not.toMatch(/▸|q quit/);
  });

  it('has something to show before the first sample', () => {
    expect(screen(initialState('app@shop', BEGIN), 80, 10)[1]).toBe('…');
  });
});

it('a change that matters to people is one of roles, health, standing, timeline or reasons', () => {
  const now = significant(sample(1).status);
  expect(
    significant(
      sample(
        2,
        NODES.map((node) => ({ ...node, rttMs: 9, lsn: 9n })),
      ).status,
    ),
  ).toBe(now);
  expect(significant(sample(2, NODES.slice(1)).status)).not.toBe(now);
  expect(
    significant(
      sample(
        2,
        NODES.map((node) => ({ ...node, standing: 'stale' as const })),
      ).status,
    ),
  ).not.toBe(now);
});

it('the time of day is local and has two digits each', () => {
  expect(clockText(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('03:04:05');
});
