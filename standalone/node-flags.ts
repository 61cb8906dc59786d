/**
 * What Node is started with; package.json's `start` repeats it, since it is a line for a shell.
 *
 * Every read of a socket lands in a new buffer outside V8's heap, and V8 looks for garbage only when its space for young
 * objects is full, which is mebibytes of small things that 64 KiB hang on, each. With less space it looks sooner.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=1'];
