/** What `wrangler deploy` deploys from a fresh clone is closed. The routes' side of it: test/workers/access.test.ts. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';

const wranglerToml = readFileSync(new URL('../../wrangler.toml', import.meta.url), 'utf8');

describe('a Worker that is deployed as it comes', () => {
  it('is closed to callers without credentials, in its configuration file and without any', () => {
    const settings = [...wranglerToml.matchAll(/^\s*(BERTH_\w+)\s*=\s*"(.*)"\s*$/gm)];
    const deployed = Object.fromEntries(settings.map(([, name = '', value = '']) => [name, value]));
    expect(deployed).toEqual({ BERTH_ANONYMOUS: 'none', BERTH_ON_CLOUDFLARE: 'on' });
    for (const environment of [deployed, {}]) {
      expect(parseConfig(environment)).toMatchObject({ anonymous: 'none', openLoopback: false });
    }
  });
});
