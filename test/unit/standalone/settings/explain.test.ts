/** `npm run config -- explain`: what counts, and where it comes from. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { explain, explanation, type Explained } from '../../../../standalone/settings/explain.ts';
import { settingsOf } from './examining.ts';
import { scratch, write } from './scratch.ts';

function explained(words: readonly string[], environment = {}): Record<string, Explained> {
  return Object.fromEntries(explain(settingsOf(words, environment)).map((one) => [one.name, one]));
}

test('each setting has its value and its origin, and what it outranks', () => {
  const config = write(join(scratch(), 'berth.toml'), 'port = 1\nhost = "::1"\n');
  const all = explained(['--port', '3', '--config', config], { BERTH_PORT: '2', BERTH_GRACE_SECONDS: '0' });
  expect(all).toMatchObject({
    port: { value: '3', origin: '--port', outranked: ['BERTH_PORT', `${config}: port`] },
    host: { value: '::1', origin: `${config}: host`, outranked: [] },
    'grace-seconds': { value: '0', origin: 'BERTH_GRACE_SECONDS' },
    anonymous: { value: 'none', origin: 'wrangler.toml: vars.BERTH_ANONYMOUS' },
    storage: { value: 'filesystem', origin: 'default' },
    'existence-cache-seconds': { value: '0', origin: 'default' },
    'open-loopback': { value: 'on', origin: 'default, for this host and who may do what' },
    'admin-password': { value: null, origin: 'the file admin-password in the data directory' },
  });
  expect(all).not.toHaveProperty('jurisdiction');
});

test('what follows from other settings is shown as it is', () => {
  expect(explained([], { BERTH_ANONYMOUS: 'none' })['open-loopback']?.value).toBe('off');
  expect(explained(['--host', '0.0.0.0'])['open-loopback']?.value).toBe('off');
  expect(explained([])['events']?.value).toBe('off');
  expect(explained([], { BERTH_ENDPOINTS: '{"endpoints":[]}' })['events']?.value).toBe('on');
});

test('no secret is shown, nor the text of a document', () => {
  const folder = scratch();
  const secret = write(join(folder, 'secret'), 'correct horse battery staple');
  const people = `alice:$2y$05$${'a'.repeat(53)}`;
  const environment = { BERTH_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'), BERTH_HTPASSWD: people };
  const all = explained(['--admin-password-file', secret], environment);
  expect(all['admin-password']).toMatchObject({ value: null, isSecret: true, origin: '--admin-password-file' });
  expect(all['encryption-key']).toMatchObject({ value: null, isSecret: true, origin: 'BERTH_ENCRYPTION_KEY' });
  expect(all['htpasswd']?.value).toBe(`(a text of ${String(people.length)} characters)`);
  const said = JSON.stringify(all) + explanation(Object.values(all));
  for (const hidden of ['horse', environment.BERTH_ENCRYPTION_KEY, people]) expect(said).not.toContain(hidden);
  expect(said).toMatch(/admin-password +\(hidden\) +--admin-password-file/);
});
