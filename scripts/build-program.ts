/**
 * Run as a program of its own, by program.mjs: `node build-program.ts <project> <directory>`. Bundles the programs behind
 * `npm start`, with what that runs in threads of its own, and `npm run proxy`, as JavaScript that a stack trace can be
 * read of: nothing is minified. With esbuild, which wrangler brings.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';

const [root, directory] = process.argv.slice(2);
if (root === undefined || directory === undefined)
  throw new Error('usage: node build-program.ts <project> <directory>');

const ENTRIES: readonly string[] = ['standalone/main.ts', 'standalone/files/thread.ts', 'tools/proxy/proxy.ts'].map(
  (name) => join(root, name),
);

const fromWrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'));
const { build } = v.parse(v.object({ build: v.function() }), fromWrangler('esbuild'));
const Setup = v.object({ onLoad: v.function() });
const Loaded = v.object({ path: v.string() });

await build({
  entryPoints: ENTRIES,
  outdir: directory,
  entryNames: '[name]',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: `node${process.versions.node}`,
  // Where the project's own files are found when they are bundled no longer: as data, or as programs of their own.
  plugins: [
    {
      name: 'places',
      setup: (given: unknown) => {
        v.parse(Setup, given).onLoad({ filter: /\.ts$/, namespace: 'file' }, (file: unknown) => {
          const { path } = v.parse(Loaded, file);
          return { contents: placed(path, readFileSync(path, 'utf8')), loader: 'ts' };
        });
      },
    },
  ],
});
// Node takes it for an ES module wherever the directory lies.
writeFileSync(join(directory, 'package.json'), '{"type":"module"}\n');

/** A bundle lies elsewhere than its sources; only what is bundled too lies beside it. */
function placed(path: string, source: string): string {
  return source
    .replace(/\bjoin\(import\.meta\.dirname, '([\w/-]+\.ts)'\)/g, (whole, name: string) => {
      const isBundled = ENTRIES.includes(join(dirname(path), name));
      return isBundled ? `join(import.meta.DIRNAME, '${basename(name, '.ts')}.js')` : whole;
    })
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
    .replaceAll('import.meta.filename', JSON.stringify(path))
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
    .replaceAll('import.meta.DIRNAME', 'import.meta.dirname');
}
