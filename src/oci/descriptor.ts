/** Content descriptors (image-spec descriptor.md): a media type, a digest and a size in bytes. */
import * as v from 'valibot';
import { parseDigest, type Digest } from './digest.ts';
import { foldNames, lookAlike } from './json-document.ts';

export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Bytes. */
  size: number;
  artifactType?: string | null | undefined;
}

const NAMES = foldNames(['mediaType', 'digest', 'size', 'artifactType']);

/** Wider than the grammar of RFC 6838: some signers write a parameter into the type. Bounded, since it is stored. */
export const TypeName = v.pipe(
  v.string('must be a string'),
  v.regex(/^[\x20-\x7e]{0,255}$/, 'must be a media type of at most 255 ASCII characters'),
);

const DigestSchema = v.pipe(
  v.string('must be a string'),
  v.rawTransform<string, Digest>(({ dataset, addIssue, NEVER }) => {
    const digest = parseDigest(dataset.value);
    if (digest !== undefined) return digest;
    addIssue({ message: 'must be sha256: and 64 lower-case hex digits, or sha512: and 128' });
    return NEVER;
  }),
);

/** Fields that are not named here are the author's own business; the bytes are kept as they came. */
export const DescriptorSchema = v.pipe(
  v.looseObject(
    {
      mediaType: v.pipe(TypeName, v.minLength(1, 'must not be empty')),
      digest: DigestSchema,
      size: v.pipe(
        v.number('must be a number'),
        v.safeInteger('must be a whole number of bytes'),
        v.minValue(0, 'must not be negative'),
      ),
      artifactType: v.nullish(TypeName),
    },
    ({ expected }) => (expected === 'Object' ? 'must be a descriptor: an object' : 'must be there'),
  ),
  v.check(
    (descriptor) => lookAlike(descriptor, NAMES) === undefined,
    'must spell mediaType, digest and size in this very case',
  ),
);
