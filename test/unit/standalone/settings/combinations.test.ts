/** Settings that are right one by one, and do not fit each other. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Authority } from '../../../certificate-authority.ts';
import { OutsideIssuer } from '../../../outside-issuer.ts';
import { withoutEffect } from '../../../../standalone/settings/hints.ts';
import { refusals, settingsOf } from './examining.ts';
import { scratch, write } from './scratch.ts';

const SERVER = (await OutsideIssuer.make()).document();

test('what opens a registry beside a token server is told by where each was given', () => {
  const folder = scratch();
  const server = write(join(folder, 'server.json'), SERVER);
  const config = write(join(folder, 'berth.toml'), 'anonymous = "read"\n');
  expect(refusals(['--config', config, '--token-server', server])).toEqual([
    `${config}: anonymous (read) and --token-server both say what callers without credentials may do. Take one of them away: the token server can give them tokens.`,
  ]);
  expect(refusals(['--token-server', server, '--open-loopback'])).toEqual([
    '--open-loopback (on) opens what --token-server closes to all but tokens. Take one of them away.',
  ]);
  expect(refusals(['--token-server', server])).toEqual([]);
});

test('a grace that is shorter than a push is told with the setting that it has to fit', () => {
  expect(refusals(['--grace-seconds', '60', '--upload-expiry-seconds', '3600'])).toEqual([
    expect.stringMatching(/^--grace-seconds must be 0 or at least --upload-expiry-seconds: .* \(given: "60"\)/),
  ]);
  expect(refusals([], { BERTH_UPLOAD_EXPIRY_SECONDS: '200000' })).toEqual([
    expect.stringMatching(
      /^--grace-seconds must be 0 or at least BERTH_UPLOAD_EXPIRY_SECONDS: .* \(by default: 86400\)$/,
    ),
  ]);
});

test('people of one file and more of them in a variable are refused', () => {
  const folder = scratch();
  const line = (name: string): string => `${name}:$2y$05$${'a'.repeat(53)}\n`;
  write(join(folder, 'people'), line('alice'));
  const config = write(join(folder, 'berth.toml'), 'htpasswd = "people"\n');
  expect(refusals(['--config', config], { BERTH_HTPASSWD_2: line('bob') })).toEqual([
    `${config}: htpasswd and BERTH_HTPASSWD_2 are both given. Give one of them.`,
  ]);
  // A variable outranks the file, with all of its parts.
  const both = { BERTH_HTPASSWD: line('carol'), BERTH_HTPASSWD_2: line('bob') };
  expect(settingsOf(['--config', config], both).environment).toEqual(both);
});

test('a certificate without its key, and one with another key, are told', () => {
  const folder = scratch();
  const [one, other] = [1, 2].map(() => Authority.root().issue({ name: 'registry.example', hosts: ['127.0.0.1'] }));
  const cert = write(join(folder, 'cert.pem'), one?.certificate ?? '');
  const key = write(join(folder, 'key.pem'), one?.key ?? '');
  const otherKey = write(join(folder, 'other.pem'), other?.key ?? '');
  expect(refusals(['--tls-cert', cert])).toEqual(['--tls-cert needs --tls-key besides. Give both, or neither.']);
  expect(refusals(['--tls-cert', cert, '--tls-key', key])).toEqual([]);
  expect(refusals(['--tls-cert', cert, '--tls-key', otherKey])).toEqual([
    expect.stringMatching(/^--tls-cert will not do: the key in \S+ does not belong to the certificate/),
  ]);
  expect(refusals(['--tls-cert', cert, '--tls-key', join(folder, 'none')])).toEqual([
    `--tls-key ${join(folder, 'none')} can't be read (ENOENT). Give the path of a file.`,
  ]);
});

test('what is for Cloudflare alone is no mistake in the environment, and is noted', () => {
  const { given } = settingsOf([], { BERTH_ON_CLOUDFLARE: 'on', BERTH_ANONYMOUS: 'read' });
  expect(withoutEffect(given.values())).toEqual([
    { path: 'BERTH_ON_CLOUDFLARE', message: 'is for Cloudflare alone, and is not needed here.' },
  ]);
});
