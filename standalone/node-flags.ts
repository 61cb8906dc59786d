/**
 * What Node is started with, and on what; package.json's `start` and `copy` repeat it, since they are lines for a shell.
 *
 * - `--max-semi-space-size`: every read of a socket lands in a new buffer outside V8's heap, and V8 looks for garbage only
 *   when its space for young objects is full, which is mebibytes of small things that 64 KiB hang on, each. With less
 *   space it looks sooner: 50 MB less under ten pushes at once, 5 MB less than with 2.
 * - `--no-concurrent-recompilation`: a compiler on a thread of its own may wait for the main thread to collect garbage while
 *   that one, in process.exit, waits for the compiler: a registry that has stopped then never ends, and keeps its data
 *   locked (seen once; github.com/nodejs/node/issues/54918). Requests a second and large pushes are the same without.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--no-concurrent-recompilation'];

/** The serving program, below the project: standalone/main.ts, bundled. */
export const PROGRAM = 'scripts/start.mjs';
