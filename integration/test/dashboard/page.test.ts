import { createServer } from 'node:http';
import { createDashboard } from '@pgherd/dashboard';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';
import axe from 'axe-core';
import type { Cluster } from 'pgherd';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeDashboardPage, openPage, startBrowser } from '../../src/browser.ts';
import { served } from '../../src/served.ts';
import { nameOf, open, restore } from '../../src/support.ts';

let cluster: TestCluster;
let browser: Browser;

beforeAll(async () => {
  await makeDashboardPage();
  [cluster, browser] = await Promise.all([createTestCluster({ standbys: 2 }), startBrowser()]);
});
afterEach(() => restore(cluster));
afterAll(async () => {
  await browser?.close();
  await cluster?.close();
});

const QUICK = { sampleMs: 250 };
const PATIENT = { timeout: PATIENCE_MS };

const card = (page: Page, name: string) => page.locator(`.card[data-node="${name}"]`);

/** Waits for what a page shows. */
function shows(page: Page, selector: string): Promise<unknown> {
  return page.waitForSelector(selector, PATIENT);
}

/** How many points of the plots have a colour of the style, or a paler one of the same. */
const painted = (page: Page, color: string): Promise<number> =>
  page.evaluate(`(() => {
    const probe = document.createElement('canvas').getContext('2d');
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('${color}').trim();
    probe.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = probe.getImageData(0, 0, 1, 1).data;
    let points = 0;
    for (const canvas of document.querySelectorAll('#plots canvas')) {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        const far = Math.max(Math.abs(data[at] - red), Math.abs(data[at + 1] - green), Math.abs(data[at + 2] - blue));
        if (far <= 6 && data[at + 3] >= alpha / 3) points++;
      }
    }
    return points;
  })()`);

/** Calls that write and read until the end of the scope; what fails meanwhile is what the page is to show. */
function working(db: Cluster): AsyncDisposable {
  let isOver = false;
  const loop = async (call: () => Promise<unknown>): Promise<void> => {
    while (!isOver) {
      await call().catch(() => undefined);
      // Gives the page its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const loops = [
    loop(() => db.query('select pg_catalog.pg_current_xact_id()')),
    loop(() => db.read.query('select 1')),
  ];
  return {
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await Promise.all(loops);
    },
  };
}

describe('the page', () => {
  it('follows a failover, without being loaded again', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    await db.ready({ primaries: 1, standbys: 2 });
    await using _work = working(db);
    await using opened = await openPage(browser, server.url);
    const { page, complaints } = opened;
    const [before, ...standbys] = [cluster.primary, ...cluster.standbys].map(nameOf);

    await shows(page, `.card[data-node="${before}"][data-writes="true"][data-role="primary"]`);
    for (const name of standbys) await shows(page, `.arrow[data-from="${before}"][data-to="${name}"]`);
    expect(await card(page, String(before)).textContent()).toContain('timeline 1');
    const figure = () => page.locator('.legend b').first().textContent();
    await waitUntil(async () => Number.parseFloat((await figure()) ?? '') > 0, { what: 'figures' });

    const marks = () => Promise.all([painted(page, '--mark-area'), painted(page, '--mark')]);
    expect(await marks()).toEqual([0, 0]);

    await card(page, String(before)).focus();
    await shows(page, '#events .event');
    await page.evaluate("window.oldest = document.querySelector('#events .event:last-child')");
    await cluster.primary.kill();
    await shows(page, `.card[data-node="${before}"][data-health="offline"]`);
    await shows(page, '#status[data-status="degraded"]');
    await cluster.failover();
    const after = nameOf(cluster.primary);
    await shows(page, `.card[data-node="${after}"][data-writes="true"]`);
    expect(await card(page, after).textContent()).toContain('timeline 2');
    const other = standbys.find((name) => name !== after);
    await shows(page, `.arrow[data-from="${after}"][data-to="${other}"]`);
    expect(await page.locator(`.arrow[data-from="${before}"]`).count()).toBe(0);
    await page.locator('.event', { hasText: `writes go to ${after} on timeline 2` }).waitFor(PATIENT);
    expect(await page.locator('#announcement').textContent()).toContain(`Writes go to ${after}.`);
    expect(await page.title()).toContain('degraded');
    // The time without a primary is shaded, the new one has its line, and the newest event is on top.
    await waitUntil(async () => (await marks()).every((points) => points > 100), { what: 'the marks' });
    const times = (await page.evaluate(
      "Array.from(document.querySelectorAll('#events time'), ({ dateTime }) => dateTime)",
    )) as string[];
    expect(times.length).toBeGreaterThan(1);
    expect(times).toEqual(times.toSorted().reverse());
    // A line that is selected stays so.
    expect(await page.evaluate("window.oldest === document.querySelector('#events .event:last-child')")).toBe(
      true,
    );
    // The card has moved, and is still the one that keys are for.
    expect(await page.evaluate('document.activeElement.dataset.node')).toBe(before);

    await restore(cluster);
    await shows(page, `.arrow[data-from="${after}"][data-to="${before}"]`);
    await shows(page, '#status[data-status="up"]');
    expect(complaints).toEqual([]);
  });

  it('connects again when the server was away, and gets what it has missed', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using first = await served(createServer(dashboard.handler));
    const { port } = new URL(first.url);
    await db.ready({ primaries: 1, standbys: 2 });
    const isExpected = (text: string) => text.includes('net::ERR');
    await using opened = await openPage(browser, first.url, {}, isExpected);
    const { page, complaints } = opened;
    await shows(page, '#link[data-link="live"]');
    await first[Symbol.asyncDispose]();
    await shows(page, '#link[data-link="lost"]');
    await shows(page, '#notice:not([hidden])');
    const tried = page.waitForRequest(/events/, PATIENT);
    await page.locator('#notice-retry').click();
    await tried;
    await db.query("do $$ begin raise warning 'said meanwhile'; end $$");
    const again = createServer(dashboard.handler).listen(Number(port), '127.0.0.1');
    try {
      await shows(page, '#link[data-link="live"]');
      await page.locator('.event', { hasText: 'said meanwhile' }).waitFor(PATIENT);
      expect(await page.locator('#notice').isHidden()).toBe(true);
    } finally {
      again.closeAllConnections();
      again.close();
    }
    expect(complaints).toEqual([]);
  });

  it('goes on with a program that was started anew, and is loaded again if that one has another page', async () => {
    await using db = open(cluster);
    let program = createDashboard(db, { ...QUICK, title: 'first' });
    let tag: string | undefined;
    await using server = await served(
      createServer((request, response) => {
        const { handler } = program;
        if (tag !== undefined && request.url === '/page.js') {
          const writeHead = response.writeHead.bind(response) as (status: number, headers: object) => unknown;
          const withTag = (status: number, headers: object) => writeHead(status, { ...headers, etag: tag });
          Object.assign(response, { writeHead: withTag });
        }
        handler(request, response);
      }),
    );
    await using opened = await openPage(browser, server.url, {}, (text) => text.includes('net::ERR'));
    const { page, complaints } = opened;
    const restart = async (title: string): Promise<void> => {
      program.close();
      program = createDashboard(db, { ...QUICK, title });
      await page.locator('h1', { hasText: title }).waitFor(PATIENT);
    };
    await page.locator('h1', { hasText: 'first' }).waitFor(PATIENT);
    await page.evaluate('window.isFirstLoad = true');
    await restart('second');
    expect(await page.evaluate('window.isFirstLoad')).toBe(true);
    tag = '"another"';
    const reloaded = page.waitForEvent('load', PATIENT);
    await restart('third');
    await reloaded;
    await page.locator('h1', { hasText: 'third' }).waitFor(PATIENT);
    expect(await page.evaluate('window.isFirstLoad')).toBe(undefined);
    program.close();
    expect(complaints).toEqual([]);
  });

  it('can be used by keyboard alone, on a phone, and says what it shows', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, { ...QUICK, title: 'Orders' });
    await using server = await served(createServer(dashboard.handler));
    await db.ready({ primaries: 1, standbys: 2 });
    const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
    await using opened = await openPage(browser, server.url, phone);
    const { page, complaints } = opened;
    const primary = nameOf(cluster.primary);
    await shows(page, `.card[data-node="${primary}"][data-writes="true"]`);
    expect(await page.locator('h1').textContent()).toBe('Orders');
    // A phone makes room for what is too wide, and shows it smaller.
    expect(await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')).toEqual([360, 360]);

    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the nodes');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.dataset.node')).toBe(primary);
    await page.keyboard.press('Enter');
    await shows(page, '#details[open]');
    expect(await page.locator('#details').textContent()).toContain('Written up to');
    await page.keyboard.press('Escape');
    expect(await page.locator('#details').isVisible()).toBe(false);
    expect(await page.evaluate('document.activeElement.dataset.node')).toBe(primary);

    await page.getByRole('button', { name: 'prefer-standby' }).press('Enter');
    const [first, second] = cluster.standbys.map(nameOf).sort();
    await page
      .locator('.verdict', {
        hasText: new RegExp(`^prefer-standby goes to (${first} or ${second}|${second} or ${first})\\.$`),
      })
      .waitFor(PATIENT);
    for (const standby of cluster.standbys)
      await page.getByRole('row', { name: `${nameOf(standby)} 1` }).waitFor(PATIENT);
    await page.getByRole('spinbutton', { name: 'Largest lag' }).fill('5');

    const theme = page.locator('#theme');
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await theme.press('Enter');
    await theme.press('Enter');
    expect(await theme.textContent()).toBe('Theme: dark');
    expect(await ground()).not.toBe(light);
    await page.reload();
    await shows(page, ':root[data-theme="dark"]');
    expect(complaints).toEqual([]);
  });

  it.each([
    'light',
    'dark',
  ] as const)('keeps to the rules of accessibility (WCAG 2.2 AA), %s', async (colorScheme) => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    await using server = await served(createServer(dashboard.handler));
    await db.ready({ primaries: 1, standbys: 2 });
    await cluster.standbys[0]?.kill();
    // The checker is put into the page, whose policy would refuse it.
    const options = { colorScheme, bypassCSP: true, reducedMotion: 'reduce' } as const;
    await using opened = await openPage(browser, server.url, options);
    const { page } = opened;
    const gone = nameOf(cluster.standbys[0]);
    await shows(page, `.card[data-node="${gone}"][data-health="offline"]`);
    expect(await page.locator(`.arrow[data-to="${gone}"]`).count()).toBe(0);
    const ground = await page.evaluate(
      'getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)',
    );
    expect(Math.max(...(ground as number[])) < 100).toBe(colorScheme === 'dark');
    await page.locator('.verdict', { hasText: 'goes to' }).waitFor(PATIENT);
    await page.evaluate(axe.source);
    const violations = () =>
      page.evaluate(
        `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((result) =>
          result.violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))`,
      );
    expect(await violations()).toEqual([]);
    await card(page, nameOf(cluster.primary)).click();
    await shows(page, '#details[open]');
    expect(await violations()).toEqual([]);
  });

  it('wants the token, takes it from its address or asks for it, and never shows it', async () => {
    await using db = open(cluster);
    const token = 'a-token-of-24-characters';
    using dashboard = createDashboard(db, { ...QUICK, token });
    await using server = await served(createServer(dashboard.handler));
    const isExpected = (text: string) => text.includes('401');
    await using withToken = await openPage(browser, `${server.url}/#token=${token}`);
    await shows(withToken.page, '#link[data-link="live"]');
    expect(withToken.page.url()).toBe(`${server.url}/`);
    await using without = await openPage(browser, server.url, {}, isExpected);
    const { page } = without;
    await shows(page, '#token-form:not([hidden])');
    expect(await page.locator('.card').count()).toBe(0);
    await page.getByLabel('Token').fill('not-the-token-at-all');
    await page.keyboard.press('Enter');
    await page.locator('#token-answer', { hasText: 'That is not the token.' }).waitFor(PATIENT);
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    await shows(page, '.card');
    expect(page.url()).not.toContain(token);
    expect([...withToken.complaints, ...without.complaints]).toEqual([]);
  });

  it('shows hostile texts of the database as texts', async () => {
    const hostile = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>';
    await using db = open(cluster, { slowQueryMs: 1 });
    using dashboard = createDashboard(db, { ...QUICK, title: hostile });
    await using server = await served(createServer(dashboard.handler));
    await db.ready({ primaries: 1 });
    await using opened = await openPage(browser, server.url);
    const { page, complaints } = opened;
    await db.script(`do $$ begin raise warning '${hostile} \u202e \u001b[2J'; end $$`);
    await db.query(`select pg_sleep(0.01) as "${hostile.replaceAll('"', "'")}"`);
    await page
      .locator('.event', { hasText: 'says WARNING: <img src=x onerror="window.harmed=1">' })
      .waitFor(PATIENT);
    await page.locator('.event', { hasText: 'select pg_sleep(0.01) as "<img' }).waitFor(PATIENT);
    expect(await page.locator('h1').textContent()).toBe(hostile);
    const lines = (level: string) => page.locator(`#events .event[data-level="${level}"]`).count();
    expect(await lines('info')).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Warnings' }).click();
    expect([await lines('info'), (await lines('warn')) > 0]).toEqual([0, true]);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.evaluate("'harmed' in window")).toBe(false);
    expect(complaints).toEqual([]);
  });
});

describe('the browser', () => {
  it('loads and runs nothing that is not its own, and shows the page in no other', async () => {
    await using db = open(cluster);
    using dashboard = createDashboard(db, QUICK);
    const asked: string[] = [];
    let inside = '';
    await using other = await served(
      createServer(({ url = '' }, response) => {
        if (url !== '/outer') asked.push(url);
        response.writeHead(200, { 'content-type': url === '/outer' ? 'text/html' : 'text/javascript' });
        response.end(url === '/outer' ? `<iframe src="${inside}"></iframe>` : 'window.harmed = 1');
      }),
    );
    // What an attacker would like to have in the page.
    const foreign = [
      '<script>window.harmed = 1</script>',
      '<style>main { display: none }</style>',
      `<script src="${other.url}/script.js"></script>`,
      `<link rel="stylesheet" href="${other.url}/style.css">`,
      `<img src="${other.url}/image.png" onerror="window.harmed = 1">`,
      `<iframe src="${other.url}/frame.html"></iframe>`,
    ];
    await using server = await served(
      createServer(async (request, response) => {
        if (request.url !== '/') return dashboard.handler(request, response);
        const answer = await dashboard.fetch(new Request(inside));
        const { 'content-length': _, ...headers } = Object.fromEntries(answer.headers);
        response.writeHead(answer.status, headers);
        response.end((await answer.text()).replace('</body>', () => `${foreign.join('')}</body>`));
      }),
    );
    inside = `${server.url}/`;
    await db.ready({ primaries: 1 });
    const refused: string[] = [];
    const isExpected = (text: string) => {
      if (text.includes('Content Security Policy')) refused.push(text);
      return text.includes('Content Security Policy') || text.includes(other.url);
    };
    await using opened = await openPage(browser, server.url, {}, isExpected);
    const { page, complaints } = opened;
    await shows(page, '.card');
    expect(await page.locator('main').isVisible()).toBe(true);
    expect(await page.evaluate("'harmed' in window")).toBe(false);
    expect(asked).toEqual([]);
    expect(refused.length).toBeGreaterThanOrEqual(foreign.length);
    expect(complaints).toEqual([]);

    await using outer = await openPage(browser, `${other.url}/outer`, {}, () => true);
    const [, frame] = outer.page.frames();
    await frame?.waitForLoadState('load', PATIENT);
    expect(frame?.url()).not.toContain(server.url);
  });
});

/** Every text of the message is hostile. */
function hostileMessage(text: string): object {
  const node = {
    name: text,
    role: 'primary',
    health: 'ok',
    standing: 'current',
    since: text,
    reason: text,
    aliasOf: null,
    timeline: 1,
    lsn: text,
    lagBytes: null,
    lagMs: null,
    lagging: false,
    rttMs: 1,
    version: text,
    startedAt: text,
    zone: text,
    tags: [[text, text]],
    upstream: text,
    pool: { idle: 0, used: 0, waiting: 0, max: 1 },
    inFlight: 0,
    answered: 0,
    failures: 0,
    connections: 1,
    maxConnections: 2,
  };
  const strange = { ...node, name: `${text}:2`, role: text, health: text, standing: text };
  const frame = {
    at: Date.now(),
    status: text,
    reasons: [text],
    writable: text,
    systemIdentifier: text,
    topologyVersion: 1,
    nodes: [node, strange],
    furtherNodes: 0,
  };
  const column = [1];
  const nodeColumns = {
    lagMs: column,
    lagBytes: column,
    rttMs: column,
    transactions: column,
    connections: column,
  };
  return {
    hello: {
      title: text,
      sampleMs: 1_000,
      historyMs: 60_000,
      serverFigures: true,
      targets: [text, 'any'],
      user: text,
      database: text,
    },
    frame,
    columns: {
      at: [Date.now()],
      cluster: {
        answered: column,
        failed: column,
        p50: column,
        p95: column,
        p99: column,
        idle: column,
        used: column,
        waiting: column,
      },
      nodes: [{ name: text, columns: nodeColumns }],
    },
    events: [{ at: Date.now(), level: text, event: text, node: text, text, more: 1 }],
    marks: [{ at: Date.now(), primary: text }],
  };
}

describe('a page whose every text is hostile', () => {
  const HOSTILE = [
    '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>',
    `"><svg onload=window.harmed=1> '+alert(1)+' \${7*7} {{7*7}}`,
    'javascript:window.harmed=1//\u202e\u0000]]>&lt;b&gt;',
    '__proto__',
  ];

  it.each(HOSTILE)('runs nothing of %s', async (text) => {
    await using db = open(cluster);
    using dashboard = createDashboard(db);
    await using server = await served(
      createServer((request, response) => {
        if (request.url?.startsWith('/events')) {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(`id: x-1\ndata: ${JSON.stringify(hostileMessage(text))}\n\n`);
        } else if (request.url?.startsWith('/explain')) {
          const nodes = [{ node: text, choice: 1, reason: text }];
          response.end(JSON.stringify({ target: text, topologyVersion: 1, nodes }));
        } else dashboard.handler(request, response);
      }),
    );
    await using opened = await openPage(browser, server.url);
    const { page, complaints } = opened;
    await shows(page, '.card');
    await page.locator('.verdict', { hasText: `goes to ${text}.` }).waitFor(PATIENT);
    await page.locator('.card').first().click();
    await shows(page, '#details[open]');
    await waitUntil(async () => (await page.locator('#plots canvas').count()) > 0, { what: 'the plots' });
    const shown = await page.locator('.card-name').first().textContent();
    expect(shown).toBe(text);
    expect(await page.locator('main img, main script, main a, dialog img, dialog script').count()).toBe(0);
    expect(await page.evaluate("'harmed' in window")).toBe(false);
    expect(complaints).toEqual([]);
  });
});
