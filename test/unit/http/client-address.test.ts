/** Where a client is: what is believed, and what is not. */
import { expect, test } from 'vitest';
import { clientAddress } from '../../../src/http/client-address.ts';

const NOWHERE = { onCloudflare: false, trustedProxy: false };
const of = (headers: Record<string, string>, where: Partial<typeof NOWHERE> = {}) =>
  clientAddress({ headers: new Headers(headers) }, { ...NOWHERE, ...where });

const CLAIMS = {
  'cf-connecting-ip': '10.0.0.1',
  'x-forwarded-for': '10.0.0.2',
  'x-real-ip': '10.0.0.3',
  forwarded: 'for=10.0.0.4',
};

test('no header is believed where nobody stands in front that sets it', () => {
  expect(of(CLAIMS)).toBeUndefined();
});

test('on Cloudflare it is what Cloudflare says, and no other header', () => {
  expect(of(CLAIMS, { onCloudflare: true })).toBe('10.0.0.1');
  expect(of({ 'x-forwarded-for': '10.0.0.2' }, { onCloudflare: true })).toBeUndefined();
  expect(of(CLAIMS, { onCloudflare: true, trustedProxy: true })).toBe('10.0.0.1');
});

test('behind a trusted proxy it is the last entry, since those before are what the client said', () => {
  expect(of(CLAIMS, { trustedProxy: true })).toBe('10.0.0.2');
  expect(of({ 'x-forwarded-for': '10.0.0.9, 10.0.0.8 , 2001:db8::1 ' }, { trustedProxy: true })).toBe('2001:db8::1');
});

test.each(['', 'unknown', '10.0.0.1:80', '10.0.0.1, ', '10.0.0.1,_hidden', '1', 'localhost'])(
  'what is no address is nobody knows where: %s',
  (value) => {
    expect(of({ 'x-forwarded-for': value }, { trustedProxy: true })).toBeUndefined();
    expect(of({ 'cf-connecting-ip': value }, { onCloudflare: true })).toBeUndefined();
  },
);
