/**
 * Bytes whose memory is given back as soon as they are used up. V8 sees only the small objects that they hang on, and lets
 * about 100 MB gather before it looks for garbage.
 */

/**
 * A read of a socket lands in memory of its own, and so does a piece of a body that Node's HTTP parser hands out. This
 * detaches it: nobody can look at it any more. What is part of something else is left alone.
 */
export function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
