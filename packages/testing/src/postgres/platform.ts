import { TestClusterError } from '../errors.ts';

/** What decides which servers can run here. */
export interface Platform {
  /** As `process.platform` has it. */
  readonly name: string;
  /** Version of glibc; `undefined` where the C library is another one. */
  readonly glibc: string | undefined;
}

/** The machine that this process runs on. */
export function platformHere(): Platform {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return { name: process.platform, glibc: report?.header?.glibcVersionRuntime };
}

/**
 * Throws where no server can be started: the packages on npm are built for Linux with glibc and for macOS, and processes are ended by
 * signals that Windows does not have.
 *
 * @throws {@link TestClusterError} that names the platform and the way out.
 */
export function assertServersRun({ name, glibc }: Platform, bringsOwn: boolean): void {
  if (name === 'win32') {
    throw new TestClusterError(
      '@pgherd/testing does not run on Windows (win32): it starts and ends servers by signals. Run the tests in WSL or in a container.',
    );
  }
  if (name !== 'linux' || glibc !== undefined || bringsOwn) return;
  throw new TestClusterError(
    'The PostgreSQL servers of npm need glibc, and this Linux has another C library (musl, as on Alpine). Install PostgreSQL by its ' +
      "package manager and give binaries: 'path' or binDir, or use an image with glibc such as node:22-slim.",
  );
}
