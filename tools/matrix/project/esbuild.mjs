import { build } from 'esbuild';

const [format, minify, outfile] = process.argv.slice(2);
await build({
  entryPoints: [format === 'esm' ? 'main.mjs' : 'main.cjs'],
  bundle: true,
  platform: 'node',
  format,
  // It loads Node.js' own modules by `require`, which an ES module does not have.
  external: ['pg'],
  minify: minify === 'minified',
  outfile,
});
