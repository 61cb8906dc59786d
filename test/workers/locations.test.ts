/** `Location` (RFC 9110 §10.2.2): relative, unless an operator or a trusted proxy says where the registry is. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { imageOf, pushed, sendWith, textBytes, type Settings } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob } from './world.ts';

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const name = 'locations/main';
const FORWARDED = { 'x-forwarded-proto': 'https', host: 'registry.example:8443' };
const TRUSTED = { BERTH_TRUSTED_PROXY: 'on' };
const PUBLIC = { BERTH_PUBLIC_URL: 'https://berth.example' };

/** The origins of the locations of every answer that has one. */
async function origins(settings: Settings, headers: Record<string, string>): Promise<string[]> {
  const blob = await newBlob();
  const told: string[] = [];
  const call = async (method: string, path: string, sent: { body?: Uint8Array<ArrayBuffer> } = {}) => {
    const answer = await sendWith(settings, method, path, { headers, ...sent });
    const location = answer.headers.get('location') ?? '';
    expect(location).not.toBe('');
    const { origin, pathname } = new URL(location, 'relative://none');
    told.push(location.startsWith('/') ? '' : origin);
    return pathname;
  };
  const session = await call('POST', `/v2/${name}/blobs/uploads/`);
  const next = await call('PATCH', session, { body: blob.bytes });
  await call('GET', next);
  await call('PUT', `${next}?digest=${blob.digest}`);
  await call('POST', `/v2/${name}-2/blobs/uploads/?mount=${blob.digest}&from=${name}`);
  await call('PUT', `/v2/${name}/manifests/latest`, { body: textBytes(imageOf(blob)) });
  return [...new Set(told)];
}

describe('a location', () => {
  it('is relative, whatever a header that nobody vouches for says', async () => {
    await pushed(name, await newBlob());
    expect(await origins({}, {})).toEqual(['']);
    expect(await origins({}, FORWARDED)).toEqual(['']);
  });

  it('is what a trusted proxy says: scheme and host', async () => {
    expect(await origins(TRUSTED, FORWARDED)).toEqual(['https://registry.example:8443']);
    expect(await origins(TRUSTED, { ...FORWARDED, 'x-forwarded-host': 'outer.example, inner.example' })).toEqual([
      'https://outer.example',
    ]);
    expect(await origins(TRUSTED, { ...FORWARDED, 'x-forwarded-proto': 'http', host: '[::1]:5000' })).toEqual([
      'http://[::1]:5000',
    ]);
  });

  it('is relative where the proxy says nothing that can be used', async () => {
    expect(await origins(TRUSTED, {})).toEqual(['']);
    for (const proto of ['javascript', 'ftp', '', 'https://evil.example/']) {
      expect(await origins(TRUSTED, { ...FORWARDED, 'x-forwarded-proto': proto })).toEqual(['']);
    }
    for (const host of ['evil.example/path', 'user@evil.example', 'a b', '.example', 'x'.repeat(300)]) {
      expect(await origins(TRUSTED, { ...FORWARDED, 'x-forwarded-host': host })).toEqual(['']);
    }
  });

  it('is what the operator says, over all', async () => {
    expect(await origins({ ...TRUSTED, ...PUBLIC }, FORWARDED)).toEqual(['https://berth.example']);
  });

  it.each([
    'berth.example',
    'ftp://berth.example',
    'https://berth.example/path',
    'https://u:p@berth.example',
    'https://b/?q',
  ])('may not be set to what is no origin: %s', (url) => {
    expect(() => parseConfig({ BERTH_PUBLIC_URL: url })).toThrow('BERTH_PUBLIC_URL must be');
  });
});
