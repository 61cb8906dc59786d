/** Addresses and networks, against Node's own list of them. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isAddress, isWithin, networkOf, parseNetwork } from '../../../src/auth/networks.ts';

function within(network: string, address: string): boolean {
  const result = parseNetwork(network);
  if (!result.ok) throw new Error(`'${network}' is none: ${result.message}`);
  return isWithin(result.network, address);
}

test.each([
  ['10.0.0.0/8', '10.255.1.2', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['::ffff:0:0/96', '10.1.2.3', true],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['::/0', '2001:db8::1', true],
  ['2001:db8::/33', '2001:db8:7fff::1', true],
  ['2001:db8::/33', '2001:db8:8000::1', false],
  ['fd00::/8', 'fdff::1', true],
  ['10.0.0.0/8', 'no address', false],
])('%s has %s: %s', (network, address, expected) => {
  expect(within(network, address)).toBe(expected);
});

test.each([
  ['10.0.0.1/8', 'bits beyond its length'],
  ['2001:db8::1/64', 'bits beyond its length'],
  ['10.0.0.0/33', 'a length from 0 to 32'],
  ['::/129', 'a length from 0 to 128'],
  ...['10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8'].map((text): [string, string] => [text, 'a length']),
  ...['', 'all', '10.0.0/8', '256.0.0.0/8', '010.0.0.0/8', '10.*', 'example.org', 'fe80::1%eth0', ':::', '1::2::3'].map(
    (text): [string, string] => [text, 'an IP address'],
  ),
])('%s is no network: %s', (text, reason) => {
  const result = parseNetwork(text);
  expect(result.ok ? 'a network' : result.message).toContain(reason);
});

test('an address is one for Node and for us', () => {
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9', 'a', 'f', ':', '.'), maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, (given) => {
      expect(isAddress(given)).toBe(isIP(given) !== 0);
    }),
    { numRuns: 2_000 },
  );
});

test('a network has the addresses that Node says it has', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, address, fc.nat(128), (base, asked, length) => {
      const family = isIPv6(base) ? 'ipv6' : 'ipv4';
      const bits = family === 'ipv4' ? length % 33 : length;
      // Mapped addresses are one family here and two for Node.
      fc.pre(isIPv6(base) === isIPv6(asked) && !/^(0*:){2,}/.test(base) && !/^(0*:){2,}/.test(asked));
      const list = new BlockList();
      list.addSubnet(base, bits, family);
      const parsed = parseNetwork(`${base}/${String(bits)}`);
      // Bits beyond the length are refused; what is left of the base are too few cases, so the all-zero ones come besides.
      if (parsed.ok) expect(isWithin(parsed.network, asked)).toBe(list.check(asked, family));
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ['192.0.2.1', '::ffff:192.0.2.1'],
  ['192.0.2.1', '::ffff:c000:201'],
  ['2001:db8:1:2:3:4:5:6', '2001:DB8:1:2::9'],
  ['2001:db8::6', '2001:0db8:0:0:7::'],
  ['::1', '::2'],
])('%s and %s are of one network', (one, other) => {
  expect(networkOf(one)).toBeDefined();
  expect(networkOf(one)).toBe(networkOf(other));
});

test.each([
  ['192.0.2.1', '192.0.2.2'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
  ['192.0.2.1', '::1'],
  ['2001:db8:1:2::', '2001:db8:1:3::'],
])('%s and %s are of two networks', (one, other) => {
  expect(networkOf(one)).not.toBe(networkOf(other));
});

test('what is no address has no network', () => {
  expect(networkOf(undefined)).toBeUndefined();
  expect(networkOf('192.0.2.256')).toBeUndefined();
});
