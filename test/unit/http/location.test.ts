/** Under which origin a registry says that it is reached. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/config.ts';
import { publicOrigin } from '../../../src/http/location.ts';

const FORGED = { 'x-forwarded-proto': 'https', 'served-scheme': 'https', forwarded: 'proto=https' };

function origin(variables: Record<string, string>, headers: Record<string, string> = {}): string {
  const request = new Request('http://127.0.0.1:8787/v2/?SERVED_SCHEME=https', { headers });
  return publicOrigin(request, parseConfig(variables));
}

test('the scheme is the request’s own, unless npm start says how its port is spoken to', () => {
  expect(origin({})).toBe('http://127.0.0.1:8787');
  expect(origin({ SERVED_SCHEME: 'http' })).toBe('http://127.0.0.1:8787');
  expect(origin({ SERVED_SCHEME: 'https' })).toBe('https://127.0.0.1:8787');
});

test('nothing that a client sends makes it another', () => {
  expect(origin({}, FORGED)).toBe('http://127.0.0.1:8787');
  expect(origin({ SERVED_SCHEME: 'http' }, FORGED)).toBe('http://127.0.0.1:8787');
});

test('an address that is set, and a trusted proxy, know better', () => {
  const served = { SERVED_SCHEME: 'http' };
  expect(origin({ ...served, BERTH_PUBLIC_URL: 'https://berth.example' })).toBe('https://berth.example');
  expect(origin({ ...served, BERTH_TRUSTED_PROXY: 'on' }, { ...FORGED, host: 'berth.example' })).toBe(
    'https://berth.example',
  );
});
