import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One thing that a check objects to. */
export interface Finding {
  /** Path from the root that was checked, with `/`. */
  readonly file: string;
  /** From 1; left out when the finding concerns the file as a whole. */
  readonly line?: number | undefined;
  /** What is wrong and what to do about it, as a sentence. */
  readonly message: string;
}

/** A check looks at the tree below `root` and says what it objects to; an empty list is a pass. */
export type Check = (root: string) => Promise<readonly Finding[]> | readonly Finding[];

/** The line a person reads, in a form that editors turn into a link. */
export function formatFinding(finding: Finding): string {
  const place = finding.line === undefined ? finding.file : `${finding.file}:${finding.line}`;
  return `${place}  ${finding.message}`;
}

/** Whether the module of this URL is the one that Node was started with, and not imported by a test. */
export function isMain(moduleUrl: string): boolean {
  const entry = process.argv[1];
  return entry !== undefined && pathToFileURL(entry).href === moduleUrl;
}

/** The first argument that is no flag, else the current directory. */
export function rootArgument(): string {
  return resolve(process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? '.');
}

/** Runs the checks on the root named on the command line, prints what they find, and sets the exit code. */
export async function runAsCommand(checks: Readonly<Record<string, Check>>): Promise<void> {
  const root = rootArgument();
  for (const [name, check] of Object.entries(checks)) {
    const findings = await check(root);
    if (findings.length === 0) {
      console.log(`${name}: ok`);
      continue;
    }
    console.error(`${name}: ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`);
    for (const finding of findings) console.error(`  ${formatFinding(finding)}`);
    process.exitCode = 1;
  }
}
