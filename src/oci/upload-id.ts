/** Upload session ids: a Durable Object's id in hex. Unguessable, and signed by the platform. */

declare const brand: unique symbol;
export type UploadId = string & { readonly [brand]: 'UploadId' };

const FORM = /^[a-f0-9]{64}$/;

export function parseUploadId(input: string): UploadId | undefined {
  return isUploadId(input) ? input : undefined;
}

function isUploadId(input: string): input is UploadId {
  return FORM.test(input);
}
