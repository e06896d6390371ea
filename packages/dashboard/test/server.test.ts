import { describe, expect, it } from 'vitest';
import { resourceOf } from '../src/server/requests.ts';
import { isLoopback } from '../src/server/serve.ts';
import { isAllowed } from '../src/server/token.ts';
import { type Viewer, Viewers } from '../src/server/viewers.ts';

function resource(url: string, basePath?: string, mountedAt?: string, method = 'GET') {
  return resourceOf({ method, url, mountedAt, header: () => undefined }, basePath);
}

describe('what a request is for', () => {
  it.each([
    ['/', undefined, undefined, { kind: 'file', name: 'index.html' }],
    ['/page.js?v=1', undefined, undefined, { kind: 'file', name: 'page.js' }],
    ['/events?has=a-1', undefined, undefined, { kind: 'events', has: 'a-1' }],
    ['/explain?target=any', undefined, undefined, { kind: 'explain', target: 'any', maxLagMs: undefined }],
    ['/../../etc/passwd', undefined, undefined, { kind: 'other' }],
    ['/%2e%2e/page.ts', undefined, undefined, { kind: 'other' }],
    ['/constructor', undefined, undefined, { kind: 'other' }],
    ['/pgherd/', '/pgherd', undefined, { kind: 'file', name: 'index.html' }],
    ['/pgherd/events', '/pgherd', undefined, { kind: 'events', has: undefined }],
    // A framework has taken the base off.
    ['/events', '/pgherd', undefined, { kind: 'events', has: undefined }],
    ['/pgherd', '/pgherd', undefined, { kind: 'redirect', to: './pgherd/' }],
    ['/admin/pgherd', '/admin/pgherd', undefined, { kind: 'redirect', to: './pgherd/' }],
    // As Express says it.
    ['/pgherd/page.css', undefined, '/pgherd', { kind: 'file', name: 'page.css' }],
    ['/pgherd', undefined, '/pgherd', { kind: 'redirect', to: './pgherd/' }],
    ['/pgherdish', '/pgherd', undefined, { kind: 'other' }],
    ['//evil.example/', undefined, undefined, { kind: 'other' }],
    ['//', undefined, undefined, { kind: 'other' }],
    ['http://evil.example/', undefined, undefined, { kind: 'other' }],
    ['*', undefined, undefined, { kind: 'other' }],
    ['/events?has=%', undefined, undefined, { kind: 'events', has: '%' }],
  ] as const)('%s under %s, mounted at %s', (url, basePath, mountedAt, expected) => {
    expect(resource(url, basePath, mountedAt)).toEqual(expected);
  });

  it('is refused if it would change something', () => {
    expect(resource('/', undefined, undefined, 'POST')).toEqual({ kind: 'method' });
    expect(resource('/nothing', undefined, undefined, 'POST')).toEqual({ kind: 'other' });
  });
});

describe('a token', () => {
  const token = 'abcdefghijklmnop';

  it.each([
    [undefined, undefined, true],
    ['Bearer wrong', undefined, true],
    [`Bearer ${token}`, token, true],
    [`bearer  ${token}`, token, true],
    [undefined, token, false],
    ['', token, false],
    [token, token, false],
    [`Basic ${token}`, token, false],
    [`Bearer ${token}x`, token, false],
    ['Bearer ', token, false],
  ])('%s against %s', (authorization, wanted, allowed) => {
    expect(isAllowed(authorization, wanted)).toBe(allowed);
  });
});

describe('addresses of this machine only', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example', false],
    ['db.internal', false],
  ])('%s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

/** A viewer whose connection is as ready as the test says, and what it got. */
class ScriptedViewer implements Viewer {
  isReady = true;
  hasEnded = false;
  readonly got: string[] = [];

  send(bytes: Uint8Array): void {
    this.got.push(new TextDecoder().decode(bytes));
  }

  end(): void {
    this.hasEnded = true;
  }
}

describe('viewers', () => {
  function setUp(most = 1_000) {
    const source = {
      sample: 1,
      made: 0,
      encoded(after: number | undefined) {
        this.made++;
        return new TextEncoder().encode(`${after ?? 'all'}..${this.sample}`);
      },
    };
    const viewers = new Viewers(source, most);
    const next = (now: number) => {
      source.sample++;
      viewers.broadcast(now);
    };
    return { source, viewers, next };
  }

  it('share one message for each sample, a thousand as well as one', () => {
    const { source, viewers, next } = setUp();
    const all = Array.from({ length: 1_000 }, () => new ScriptedViewer());
    for (const viewer of all) viewers.add(viewer, undefined);
    expect(source.made).toBe(1);
    next(1_000);
    next(2_000);
    expect(source.made).toBe(3);
    for (const viewer of all) expect(viewer.got).toEqual(['all..1', '1..2', '2..3']);
  });

  it('get only what they lack when they come back', () => {
    const { viewers, next } = setUp();
    next(1_000);
    const back = new ScriptedViewer();
    viewers.add(back, 1);
    expect(back.got).toEqual(['1..2']);
  });

  it('skip samples while they are slow, and then get what they have missed', () => {
    const { viewers, next } = setUp();
    const slow = new ScriptedViewer();
    viewers.add(slow, undefined);
    slow.isReady = false;
    for (let at = 1_000; at <= 10_000; at += 1_000) next(at);
    expect(slow.got).toEqual(['all..1']);
    slow.isReady = true;
    next(11_000);
    expect(slow.got).toEqual(['all..1', '1..12']);
    expect(slow.hasEnded).toBe(false);
  });

  it('are dropped once they have taken nothing for 15 s', () => {
    const { viewers, next } = setUp();
    const gone = new ScriptedViewer();
    viewers.add(gone, undefined);
    gone.isReady = false;
    for (let at = 0; at < 15_000; at += 1_000) next(at);
    expect(gone.hasEnded).toBe(false);
    next(15_000);
    expect([gone.hasEnded, viewers.count]).toEqual([true, 0]);
  });

  it('are bounded', () => {
    const { viewers } = setUp(2);
    viewers.add(new ScriptedViewer(), undefined);
    expect(viewers.isFull).toBe(false);
    viewers.add(new ScriptedViewer(), undefined);
    expect(viewers.isFull).toBe(true);
    viewers.end();
    expect(viewers.count).toBe(0);
  });
});
