import { build } from 'esbuild';

const [format, minify, outfile] = process.argv.slice(2);
await build({
  entryPoints: [format === 'esm' ? 'main.mjs' : 'main.cjs'],
  bundle: true,
  platform: 'node',
  format,
  minify: minify === 'minified',
  outfile,
});
