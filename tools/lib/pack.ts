import { spawnSync } from 'node:child_process';

/** File name and contents of the tarball, or what npm said instead. */
export function pack(folder: string, destination: string): { filename: string; files: string[] } | string {
  const { status, stdout, stderr } = spawnSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', destination],
    { cwd: folder, encoding: 'utf8' },
  );
  if (status !== 0) return stdout + stderr;
  const [report] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  if (report === undefined) return 'npm pack reported nothing.';
  return { filename: report.filename, files: report.files.map(({ path }) => path) };
}
