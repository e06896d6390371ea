import { spawn } from 'node:child_process';

/** What opens an address in the browser that the user has chosen, by platform. */
const OPENERS: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};
const USUAL_OPENER = ['xdg-open'] as const;

/** Opens an address in the browser; `onFailure` gets why it could not be, as on a machine without a screen. */
export function openBrowser(url: string, onFailure: (why: string) => void): void {
  const [program, ...args] = OPENERS[process.platform] ?? USUAL_OPENER;
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', (error) => onFailure(error.message));
  child.on('exit', (code) => {
    if (code !== 0) onFailure(`${program} has ended with ${code}`);
  });
  child.unref();
}
