/** Whether a message is the registry's own: Standard Webhooks 1.0 ("Verifying signatures"), with HMAC-SHA256. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** A message that was overheard is of no use later. */
const TOLERANCE_SECONDS = 300;
const SECRET = /^whsec_([A-Za-z0-9+/]{32,}={0,2})$/;

/** One secret, or two with a space between while it is replaced. `undefined` for anything else. */
export function parseSecrets(text: string): readonly Buffer[] | undefined {
  const keys = text.split(' ').map((word) => Buffer.from(SECRET.exec(word)?.[1] ?? '', 'base64'));
  return keys.length <= 2 && keys.every(({ byteLength }) => byteLength > 0) ? keys : undefined;
}

/** Why it can't be believed; `undefined` where it can. The body is looked at as it came: JSON written anew has other bytes. */
export function signatureProblem(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secrets: readonly Buffer[],
  nowSeconds: number,
): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string')
    return 'it is not signed';
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS)
    return 'it was not signed in the last five minutes';
  const expected = secrets.map((key) => createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest());
  // While the registry's secret is replaced there are two signatures; any pair will do.
  const given = signatures
    .split(' ')
    .filter((word) => word.startsWith('v1,'))
    .map((word) => Buffer.from(word.slice('v1,'.length), 'base64'));
  const isEqual = (one: Buffer, other: Buffer): boolean =>
    one.byteLength === other.byteLength && timingSafeEqual(one, other);
  return given.some((one) => expected.some((other) => isEqual(one, other))) ? undefined : 'its signature is wrong';
}
