/**
 * Upload session ids, `<object>.<expiry>.<seal>`: the id of the object that the session may come to need, the end of the
 * session (ms since the epoch, base 36), and what binds both to whoever opened it (objects/stubs.ts makes the
 * seal). Behind it `.sha512` names the algorithm that its bytes are hashed with, where it is not SHA-256, and `.s` says that
 * they stream through its object, which saves asking where they are.
 */
import { parseDigestAlgorithm, type DigestAlgorithm } from './digest.ts';

export interface UploadId {
  /** A Durable Object's id in hex: unguessable, and signed by the platform. */
  readonly object: string;
  /** In ms since the epoch. */
  readonly expiresAt: number;
  readonly seal: string;
  /** What the client has announced. Another one is taken too, and costs a read of all bytes in the end. */
  readonly algorithm: DigestAlgorithm;
  /** A hint and no more: without it nothing goes wrong, and it can be neither forged to harm nor trusted. */
  readonly streams: boolean;
}

const FORM = /^([a-f0-9]{64})\.([0-9a-z]{1,9})\.([a-f0-9]{64})(?:\.(sha512))?(\.s)?$/;
const EXPIRY_RADIX = 36;

export function parseUploadId(input: string): UploadId | undefined {
  const [whole, object = '', expiry = '', seal = '', named = 'sha256', streams] = FORM.exec(input) ?? [];
  const algorithm = parseDigestAlgorithm(named);
  if (whole === undefined || algorithm === undefined) return undefined;
  const expiresAt = Number.parseInt(expiry, EXPIRY_RADIX);
  const id = { object, expiresAt, seal, algorithm, streams: streams !== undefined };
  // One id, one spelling: a leading zero would make two.
  return formatUploadId(id) === input ? id : undefined;
}

export function formatUploadId({ object, expiresAt, seal, algorithm, streams }: UploadId): string {
  const named = algorithm === 'sha256' ? '' : `.${algorithm}`;
  return `${object}.${expiresAt.toString(EXPIRY_RADIX)}.${seal}${named}${streams ? '.s' : ''}`;
}
