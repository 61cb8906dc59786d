/**
 * Upload session ids, `<object>.<expiry>.<seal>`: the id of the object that the session may come to need, the end of the
 * session (ms since the epoch, base 36), and what binds both to whoever opened it (objects/stubs.ts makes the
 * seal). `.s` behind it says that the session's bytes stream through its object, which saves asking where they are.
 */

export interface UploadId {
  /** A Durable Object's id in hex: unguessable, and signed by the platform. */
  readonly object: string;
  /** In ms since the epoch. */
  readonly expiresAt: number;
  readonly seal: string;
  /** A hint and no more: without it nothing goes wrong, and it can be neither forged to harm nor trusted. */
  readonly streams: boolean;
}

const FORM = /^([a-f0-9]{64})\.([0-9a-z]{1,9})\.([a-f0-9]{64})(\.s)?$/;
const EXPIRY_RADIX = 36;

export function parseUploadId(input: string): UploadId | undefined {
  const [whole, object = '', expiry = '', seal = '', streams] = FORM.exec(input) ?? [];
  if (whole === undefined) return undefined;
  const id = { object, expiresAt: Number.parseInt(expiry, EXPIRY_RADIX), seal, streams: streams !== undefined };
  // One id, one spelling: a leading zero would make two.
  return formatUploadId(id) === input ? id : undefined;
}

export function formatUploadId({ object, expiresAt, seal, streams }: UploadId): string {
  return `${object}.${expiresAt.toString(EXPIRY_RADIX)}.${seal}${streams ? '.s' : ''}`;
}
