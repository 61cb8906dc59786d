/** Bytes that are proven while they pass. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDigest, type Digest } from '../../../../src/oci/digest.ts';
import { StreamFailure } from '../../../../tools/registry/outcome.ts';
import { Cuts, verified } from '../../../../tools/copy/verified-bytes.ts';

const digestOf = (bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest =>
  formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));

async function* stream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece;
}

/** What came through, and why it ended. */
async function passed(
  pieces: readonly Uint8Array[],
  expected: { digest: Digest; size: number },
): Promise<{ bytes: Buffer; reason: string | undefined }> {
  const came: Uint8Array[] = [];
  try {
    for await (const piece of verified(stream(pieces), expected)) came.push(piece);
    return { bytes: Buffer.concat(came), reason: undefined };
  } catch (error) {
    if (!(error instanceof StreamFailure)) throw error;
    return { bytes: Buffer.concat(came), reason: error.message };
  }
}

const piecesOf = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });

describe('verified bytes', () => {
  it('are all of a blob that is the right one, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(piecesOf, fc.constantFrom('sha256' as const, 'sha512' as const), async (pieces, algorithm) => {
        const whole = Buffer.concat(pieces);
        const expected = { digest: digestOf(whole, algorithm), size: whole.byteLength };
        expect(await passed(pieces, expected)).toEqual({ bytes: whole, reason: undefined });
      }),
    );
  });

  it('are never all of a blob that is another one', async () => {
    await fc.assert(
      fc.asyncProperty(piecesOf, fc.nat(), async (pieces, at) => {
        const whole = Buffer.concat(pieces);
        fc.pre(whole.byteLength > 0);
        const other = Buffer.from(whole);
        other.writeUInt8(other.readUInt8(at % whole.byteLength) ^ 1, at % whole.byteLength);
        const { bytes, reason } = await passed(pieces, { digest: digestOf(other), size: whole.byteLength });
        expect(reason).toBe('the source gave bytes of another digest: they are not copied');
        expect(bytes.byteLength).toBeLessThan(whole.byteLength);
      }),
    );
  });

  it('are never more than were announced, and fewer are noticed', async () => {
    const whole = Buffer.from('four');
    const digest = digestOf(whole);
    expect((await passed([whole], { digest, size: 3 })).reason).toContain('more than the 3 bytes');
    expect((await passed([whole], { digest, size: 5 })).reason).toContain('4 of the 5 bytes');
    expect((await passed([], { digest, size: 4 })).reason).toContain('0 of the 4 bytes');
  });

  it('of nothing are proven as well', async () => {
    const nothing = Buffer.alloc(0);
    expect((await passed([], { digest: digestOf(nothing), size: 0 })).reason).toBeUndefined();
    expect((await passed([], { digest: digestOf(Buffer.from('x')), size: 0 })).reason).toContain('another digest');
  });
});

describe('cuts', () => {
  it('are the same bytes in the same order, each as long as was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(piecesOf, fc.integer({ min: 1, max: 70 }), async (pieces, length) => {
        const whole = Buffer.concat(pieces);
        const cuts = new Cuts(stream(pieces));
        for (let start = 0; start < whole.byteLength; start += length) {
          const cut: Uint8Array[] = [];
          for await (const piece of cuts.next(length)) cut.push(piece);
          expect(Buffer.concat(cut)).toEqual(whole.subarray(start, start + length));
        }
        for await (const piece of cuts.next(1)) expect(piece).toHaveLength(0);
      }),
    );
  });
});
