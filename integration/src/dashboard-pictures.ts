/**
 * Takes the pictures of docs/dashboard.md: a real cluster with a load, through the loss of its primary. `npm run dashboard:pictures`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createDashboard } from '@pgherd/dashboard';
import { createTestCluster } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { makeDashboardPage, startBrowser } from './browser.ts';
import { savePicture } from './picture-file.ts';

const FOLDER = fileURLToPath(new URL('../../docs/figures/', import.meta.url));

/** Small statements at an uneven rate; some are slow. */
function load(db: Cluster, signal: AbortSignal): void {
  const anyId = () => 1 + Math.floor(Math.random() * 100);
  const at = async (everyMs: number, call: () => Promise<unknown>): Promise<void> => {
    while (!signal.aborted) {
      void call().catch(() => undefined);
      await pause(everyMs * (0.5 + Math.random()));
    }
  };
  void at(10, () => db.query('update item set n = n + 1 where id = $1', [anyId()]));
  void at(5, () => db.read.query('select n from item where id = $1', [anyId()]));
  void at(900, () => db.read.query('select pg_sleep(0.03)'));
}

async function opened(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  await page.waitForSelector('.card');
  await page.getByRole('button', { name: '1 min' }).click();
  return page;
}

await makeDashboardPage();
await using cluster = await createTestCluster({ standbys: 2 });
await using db = createCluster({ url: cluster.url, waitTimeoutMs: 30_000, env: {} });
using dashboard = createDashboard(db, { title: 'shop' });
const server = createServer(dashboard.handler).listen(0, '127.0.0.1');
const browser = await startBrowser();
const end = new AbortController();
try {
  await db.ready({ primaries: 1, standbys: 2 });
  await db.query('create table item (id int primary key, n int)');
  await db.query('insert into item select i, 0 from generate_series(1, 100) i');
  load(db, end.signal);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const screen = { viewport: { width: 1280, height: 1010 } };
  const light = await opened(browser, url, { ...screen, colorScheme: 'light' });
  const dark = await opened(browser, url, { ...screen, colorScheme: 'dark' });
  const phone = await opened(browser, url, {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 1.5,
    isMobile: true,
    hasTouch: true,
    colorScheme: 'light',
  });
  await pause(45_000);
  await cluster.primary.kill();
  await pause(3_000);
  await savePicture(dark, `${FOLDER}dashboard-failover-dark.webp`);
  await savePicture(phone, `${FOLDER}dashboard-phone.webp`);
  await cluster.failover();
  await pause(3_000);
  await cluster.repair();
  await pause(10_000);
  await savePicture(light, `${FOLDER}dashboard-light.webp`, { fullPage: true });
  await dark.locator('.card').nth(1).click();
  await pause(1_500);
  await savePicture(dark, `${FOLDER}dashboard-node-dark.webp`);
} finally {
  end.abort();
  await browser.close();
  server.closeAllConnections();
  server.close();
}
