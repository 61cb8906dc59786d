/** Bytes that go from one stream to another, as by `pipe`, and whose memory is given back as soon as they are sent. */
import type { Readable, Writable } from 'node:stream';
import { free } from '../../standalone/freed-bytes.ts';

/** Smaller ones are no layer. Registries send those in pieces of a few kilobytes, too. */
const FREED_FROM_BYTES = 1024;

/** Sends on what comes, no faster than it is taken, and ends nothing. Answers with how to stop; what comes then stays unread. */
export function forward(from: Readable, to: Writable): () => void {
  const write = (bytes: Buffer): void => {
    const isTaken =
      bytes.byteLength < FREED_FROM_BYTES
        ? to.write(bytes)
        : to.write(bytes, () => {
            free(bytes);
          });
    if (!isTaken) from.pause();
  };
  const goOn = (): void => {
    from.resume();
  };
  from.on('data', write);
  to.on('drain', goOn);
  return () => {
    from.off('data', write);
    to.off('drain', goOn);
    from.pause();
  };
}

/** Forwards to the end. Rejects when it breaks off on either side. */
export function forwardAll(from: Readable, to: Writable): Promise<void> {
  return new Promise((settle, reject) => {
    const stop = forward(from, to);
    from.once('end', () => {
      stop();
      settle();
    });
    from.on('error', reject);
    // After 'end' this changes nothing.
    from.once('close', () => {
      reject(new Error('broke off'));
    });
    to.once('close', () => {
      reject(new Error('nobody reads it'));
    });
  });
}
