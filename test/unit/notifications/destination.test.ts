/** Where a webhook may be (CVE-2020-13788, CVE-2026-32591), against Node's own list of what is private. */
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { destinationProblem } from '../../../src/notifications/destination.ts';

const PUBLIC_ONLY = { allowPrivate: false, ownHosts: ['berth.example'] };
const ANY = { allowPrivate: true, ownHosts: ['berth.example'] };

test.each([
  'https://example.com/hook',
  'https://example.com:8443/hook?a=b',
  'https://93.184.216.34/hook',
  'https://[2606:2800:220:1:248:1893:25c8:1946]/',
  'https://a.b.example.co.uk/',
])('%s is taken', (url) => {
  expect(destinationProblem(url, PUBLIC_ONLY)).toBeUndefined();
});

describe('an address that is not public is refused in every form that a URL can have (CVE-2020-13788)', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://2130706433/',
    'https://0/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[0:0:0:0:0:ffff:10.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001:0:1:2:3:4:5:6]/',
    'https://[fe80::1]/',
    'https://[fd00::1]/',
    'https://[ff02::1]/',
    'https://10.1.2.3/',
    'https://172.31.255.255/',
    'https://192.168.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.100.100.200/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://１２７.0.0.1/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://localhost../',
    'https://a.localhost/',
    'https://metadata.google.internal/',
    'https://printer.local/',
    'https://router.home.arpa/',
    'https://intranet/',
    'https://router.lan/',
  ])('%s', (url) => {
    expect(destinationProblem(url, PUBLIC_ONLY)).toBe(
      'must be an address of the public internet, or set BERTH_WEBHOOKS_PRIVATE=on',
    );
  });
});

test.each([
  ['http://example.com/', 'must begin with https://, or set BERTH_WEBHOOKS_PRIVATE=on'],
  ['ftp://example.com/', 'must begin with https://'],
  ['file:///etc/passwd', 'must begin with https://'],
  ['javascript:alert(1)', 'must begin with https://'],
  ['example.com', 'must be a URL, as in https://example.com/hook'],
  ['https://alice:secret@example.com/', 'must hold no name and password: use headers'],
  ['https://berth.example/v2/', "must not be the registry's own address"],
  ['https://berth.example../v2/', "must not be the registry's own address"],
  ['https://BERTH.example.:444/', "must not be the registry's own address"],
  [`https://example.com/${'a'.repeat(2_048)}`, 'may have 2048 characters'],
])('%s: %s', (url, problem) => {
  expect(destinationProblem(url, PUBLIC_ONLY)).toBe(problem);
});

test('a setting allows plain http and private addresses, and not the registry itself', () => {
  expect(destinationProblem('http://127.0.0.1:9000/hook', ANY)).toBeUndefined();
  expect(destinationProblem('http://receiver/hook', ANY)).toBeUndefined();
  expect(destinationProblem('http://berth.example/', ANY)).toBe("must not be the registry's own address");
  expect(destinationProblem('http://berth.example../', ANY)).toBe("must not be the registry's own address");
  expect(destinationProblem('file:///etc/passwd', ANY)).toBe('must begin with https:// or http://');
});

test('no address of the private networks gets through, however many are tried', () => {
  const closed = new BlockList();
  for (const [network, bits] of [
    ['10.0.0.0', 8],
    ['127.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['169.254.0.0', 16],
    ['100.64.0.0', 10],
  ] as const) {
    closed.addSubnet(network, bits, 'ipv4');
  }
  let refused = 0;
  const inPrivate = fc
    .constantFrom(10, 127, 172, 192, 169, 100)
    .chain((first) => fc.tuple(fc.constant(first), byte, byte, byte));
  fc.assert(
    fc.property(inPrivate, (bytes) => {
      const address = bytes.join('.');
      if (!closed.check(address, 'ipv4')) return;
      refused += 1;
      const asNumber = bytes.reduce((sum, part) => sum * 256 + part, 0);
      for (const host of [address, String(asNumber), `0x${asNumber.toString(16)}`, `[::ffff:${address}]`]) {
        expect(destinationProblem(`https://${host}/`, PUBLIC_ONLY)).toBeDefined();
      }
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(100);
});

const byte = fc.integer({ min: 0, max: 255 });
