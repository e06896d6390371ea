import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary, node, type Project } from './matrix-project.ts';

/** Compiles as a program of this kind does: what is imported as an ES module, as CommonJS, or both where files decide. */
export async function compiled(
  project: Project,
  tool: string,
  { file, resolution, checksLibraries }: { file: string; resolution: string; checksLibraries: boolean },
): Promise<string | undefined> {
  const isDecidedByFile = resolution === 'node16' || resolution === 'nodenext';
  const all = isDecidedByFile ? [`${file}.mts`, `${file}.cts`] : [`${file}.ts`];
  // Under node16 what is loaded by `require` must be CommonJS, which some peers are not.
  const files = all.filter((one) => checksLibraries || resolution !== 'node16' || one.endsWith('.mts'));
  if (isDecidedByFile)
    for (const one of files) copyFileSync(join(project.folder, `${file}.ts`), join(project.folder, one));
  const module = resolution === 'node10' ? 'commonjs' : resolution === 'bundler' ? 'esnext' : resolution;
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    String(!checksLibraries),
    '--target',
    'es2022',
    '--types',
    'node',
  ];
  const { code, output } = await node(project, [
    ...binary(project, tool, 'tsc'),
    ...options,
    '--module',
    module,
    '--moduleResolution',
    resolution,
    ...files,
  ]);
  return code === 0 ? undefined : `does not compile:\n${output}`;
}
