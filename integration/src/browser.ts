import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { buildPage } from '../../tools/page.ts';

/** Where distributions put Chromium. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Makes the page of the dashboard from its sources, which the server then finds. */
export function makeDashboardPage(): Promise<void> {
  return buildPage(fileURLToPath(new URL('../..', import.meta.url)));
}

/** Starts the distribution's Chromium. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = PLACES.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (executablePath === undefined)
    throw new Error(`There is no Chromium in ${PLACES.join(', ')}. Install it: apt-get install chromium`);
  // Tests run as root, where Chromium has no sandbox of its own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}

/** A page, and what it complained of. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, what the console calls an error (such as what the policy refuses), and requests to elsewhere. */
  readonly complaints: string[];
}

/** Opens a page of its own at an address. `isExpected` says of errors that the test causes itself. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  isExpected: (complaint: string) => boolean = () => false,
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const complain = (text: string): void => {
    if (!isExpected(text)) complaints.push(text);
  };
  page.on('pageerror', (error) => complain(`${error.name}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complain(message.text());
  });
  const { origin } = new URL(url);
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complain(`request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}
