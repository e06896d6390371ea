import commonjs from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';

const [format, file] = process.argv.slice(2);
const bundle = await rollup({
  input: 'main.mjs',
  plugins: [nodeResolve({ preferBuiltins: true }), commonjs()],
  external: [/^node:/, 'pg'],
  onLog(level, log) {
    if (level === 'warn') throw new Error(log.message);
  },
});
await bundle.write({ file, format, inlineDynamicImports: true });
await bundle.close();
