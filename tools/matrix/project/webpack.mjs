import webpack from 'webpack';

const [format, filename] = process.argv.slice(2);
const isModule = format === 'esm';
const compiler = webpack({
  mode: 'production',
  target: 'node',
  entry: isModule ? './main.mjs' : './main.cjs',
  output: {
    path: process.cwd(),
    filename,
    module: isModule,
    ...(isModule ? { chunkFormat: 'module' } : {}),
  },
  experiments: { outputModule: isModule },
});
compiler.run((error, stats) => {
  if (error !== null) throw error;
  if (!stats.hasErrors()) return;
  console.error(stats.toString({ all: false, errors: true }));
  process.exitCode = 1;
});
