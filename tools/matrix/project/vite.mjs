import { build } from 'vite';

const [outDir] = process.argv.slice(2);
await build({
  configFile: false,
  logLevel: 'warn',
  ssr: { noExternal: true },
  build: { ssr: 'main.mjs', outDir, rollupOptions: { output: { entryFileNames: 'main.mjs' } } },
});
