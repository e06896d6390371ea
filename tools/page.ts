import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { isMain, rootArgument } from './lib/findings.ts';

/** The sources of the dashboard's page. */
const PAGE = 'packages/dashboard/src/page';
/** What the server loads as `#page`. */
const BUILT = 'packages/dashboard/dist/page.js';
/** The parts of the style, in their order. */
const STYLE = ['colors', 'frame', 'picture', 'figures', 'details', 'phone'];
/** The one library in it, whose licence wants to go along. */
const LIBRARY = 'node_modules/uplot';

/** A file of the page. */
export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** The files of the page, by the names under which a browser asks for them. */
export type PageFiles = Readonly<
  Record<'index.html' | 'page.js' | 'page.css' | 'dark.css' | 'icon.svg', PageFile>
>;

/** Makes the files of the page: one script, one style, and nothing that is loaded from elsewhere. */
export async function makePage(root: string): Promise<PageFiles> {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const licence = read(`${LIBRARY}/LICENSE`).trim();
  return {
    'index.html': { type: 'text/html; charset=utf-8', text: read(`${PAGE}/index.html`) },
    'page.js': {
      type: 'text/javascript; charset=utf-8',
      text: `/*! uPlot\n${licence}\n*/\n${await script(join(root, PAGE, 'page.ts'))}`,
    },
    'page.css': {
      type: 'text/css; charset=utf-8',
      text: [`${LIBRARY}/dist/uPlot.min.css`, ...STYLE.map((name) => `${PAGE}/style/${name}.css`)]
        .map(read)
        .join('\n'),
    },
    'dark.css': { type: 'text/css; charset=utf-8', text: read(`${PAGE}/style/dark.css`) },
    'icon.svg': { type: 'image/svg+xml', text: read(`${PAGE}/icon.svg`).trim() },
  };
}

async function script(input: string): Promise<string> {
  const build = await rolldown({
    input,
    platform: 'browser',
    onLog: (_level, log) => {
      throw new Error(`The page has a fault: ${log.message}`);
    },
  });
  try {
    const { output } = await build.generate({ format: 'es', minify: true, comments: false });
    return output[0].code;
  } finally {
    await build.close();
  }
}

/** Makes the page where the server looks for it; a server that is just reading it gets the old one or the new one. */
export async function buildPage(root: string): Promise<void> {
  const files = await makePage(root);
  const file = join(root, BUILT);
  const temporary = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(temporary, `export const PAGE = Object.freeze(${JSON.stringify(files)});\n`);
  renameSync(temporary, file);
}

if (isMain(import.meta.url)) {
  const named = process.argv[2] === undefined ? undefined : rootArgument();
  await buildPage(named ?? dirname(dirname(fileURLToPath(import.meta.url))));
}
