import { describe, expect, it } from 'vitest';
import type { Hello, Message } from '../src/model/message.ts';
import { layoutOf } from '../src/page/layout.ts';
import { EventReader } from '../src/page/sse.ts';
import { after, MOST_EVENTS, type State } from '../src/page/state.ts';
import { columnsOf } from '../src/sample/columns.ts';
import { frameAt, nodeFrame, pointAt } from './samples.ts';

const HELLO: Hello = {
  title: 'shop',
  sampleMs: 1_000,
  historyMs: 3_000,
  serverFigures: false,
  targets: ['any'],
  user: 'app',
  database: 'shop',
};

function messageAt(at: number, parts: Partial<Message> = {}): Message {
  return { frame: frameAt(at), columns: columnsOf([pointAt(at)]), events: [], marks: [], ...parts };
}

/** What a page knows after these messages. */
function known(...messages: readonly Message[]): State | undefined {
  return messages.reduce<State | undefined>(after, undefined);
}

const line = (text: string) => ({ at: 1, level: 'info', event: null, node: null, text, more: 0 }) as const;

describe('what a page knows', () => {
  it('begins with the first message that says hello', () => {
    expect(known(messageAt(1_000))).toBeUndefined();
    expect(known(messageAt(1_000, { hello: HELLO }))?.hello.title).toBe('shop');
  });

  it('grows by each message and forgets what is too old', () => {
    const times = [2_000, 3_000, 4_000, 5_000, 6_000];
    const state = known(
      messageAt(1_000, { hello: HELLO, marks: [{ at: 500, primary: 'a' }] }),
      ...times.map((at) => messageAt(at, { marks: [{ at, primary: null }] })),
    );
    expect(state?.history.at).toEqual([3_000, 4_000, 5_000, 6_000]);
    expect(state?.history.cluster.answered).toHaveLength(4);
    expect(state?.marks.map(({ at }) => at)).toEqual([3_000, 4_000, 5_000, 6_000]);
  });

  it('has the figures of nodes that come and go in their places', () => {
    const withNodes = (at: number, nodes: Record<string, { lagMs: number }>) =>
      messageAt(at, { columns: columnsOf([pointAt(at, { nodes })]) });
    const state = known(
      { ...withNodes(1_000, { a: { lagMs: 1 } }), hello: HELLO },
      withNodes(2_000, { a: { lagMs: 2 }, b: { lagMs: 20 } }),
      withNodes(3_000, { b: { lagMs: 30 } }),
    );
    expect(state?.history.nodes.get('a')?.lagMs).toEqual([1, 2, null]);
    expect(state?.history.nodes.get('b')?.lagMs).toEqual([null, 20, 30]);
    const later = [4_000, 5_000, 6_000].reduce(
      (so, at) => after(so, withNodes(at, { b: { lagMs: 1 } })),
      state,
    );
    expect([...(later?.history.nodes.keys() ?? [])]).toEqual(['b']);
  });

  it('forgets what was before the clock of the server was set back', () => {
    const state = known(
      messageAt(50_000, { hello: HELLO }),
      ...[51_000, 52_000, 20_000, 21_000].map((at) => messageAt(at)),
    );
    expect(state?.history.at).toEqual([20_000, 21_000]);
    expect(state?.history.cluster.idle).toHaveLength(2);
  });

  it('keeps a bounded log', () => {
    const events = Array.from({ length: 200 }, (_, index) => line(String(index)));
    const state = known(
      messageAt(1, { hello: HELLO, events }),
      messageAt(2, { events }),
      messageAt(3, { events }),
    );
    expect(state?.events).toHaveLength(MOST_EVENTS);
    expect(state?.events.at(-1)?.text).toBe('199');
  });

  it('has the same log while nothing happens', () => {
    const state = known(messageAt(1, { hello: HELLO, events: [line('one')] }));
    expect(after(state, messageAt(2, {}))?.events).toBe(state?.events);
  });

  it('begins anew with another hello', () => {
    const state = known(
      messageAt(1_000, { hello: HELLO, events: [line('old')] }),
      messageAt(2_000, { hello: HELLO, events: [line('new')] }),
    );
    expect(state?.events.map(({ text }) => text)).toEqual(['new']);
    expect(state?.history.at).toEqual([2_000]);
  });
});

describe('the picture', () => {
  const primary = nodeFrame('p', { role: 'primary', lagBytes: null, lagMs: null });

  it('has the primary on top, and an arrow to each standby', () => {
    const { rows, arrows } = layoutOf([nodeFrame('a'), primary, nodeFrame('b', { lagging: true })], 'p');
    expect(rows).toEqual([['p'], ['a', 'b']]);
    expect(arrows).toEqual([
      { from: 'p', to: 'a', kind: 'flows' },
      { from: 'p', to: 'b', kind: 'behind' },
    ]);
  });

  it('keeps the place of the primary free while there is none, and draws no arrow from nowhere', () => {
    const gone = nodeFrame('p', { role: 'unknown', health: 'offline' });
    expect(layoutOf([gone, nodeFrame('a')], null)).toEqual({ rows: [[], ['p', 'a']], arrows: [] });
  });

  it('draws cascades where the servers say so, and ends where they name each other', () => {
    const cascade = [primary, nodeFrame('a', { upstream: 'p' }), nodeFrame('b', { upstream: 'a' })];
    expect(layoutOf(cascade, 'p').rows).toEqual([['p'], ['a'], ['b']]);
    const circle = [primary, nodeFrame('a', { upstream: 'b' }), nodeFrame('b', { upstream: 'a' })];
    expect(layoutOf(circle, 'p').rows.flat().sort()).toEqual(['a', 'b', 'p']);
  });

  it('shows no arrow to nodes that are not believed, and no card for a second name', () => {
    const stale = nodeFrame('a', { standing: 'stale' });
    const { rows, arrows } = layoutOf([primary, stale, nodeFrame('b', { aliasOf: 'a' })], 'p');
    expect(rows).toEqual([['p'], ['a']]);
    expect(arrows).toEqual([]);
  });

  it('says where it only assumes that a standby follows the primary', () => {
    const standby = nodeFrame('a', { lagBytes: null, lagMs: null });
    expect(layoutOf([primary, standby], 'p').arrows).toEqual([{ from: 'p', to: 'a', kind: 'assumed' }]);
  });
});

describe('server-sent events', () => {
  it.each([1, 2, 3, 7, 1_000])('are read from pieces of %i characters', (size) => {
    const text = 'id: r-1\ndata: {"a":1}\n\n: comment\n\nid: r-2\ndata: {"b":"x: y"}\n\nid: r-3\ndata: {';
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...reader.read(text.slice(at, at + size)));
    expect(events).toEqual([
      { id: 'r-1', data: '{"a":1}' },
      { id: 'r-2', data: '{"b":"x: y"}' },
    ]);
  });
});
