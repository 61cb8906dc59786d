/** A registry that knows nobody: no account is made in this file. */
import { describe, expect, it } from 'vitest';
import { sendWith, type Settings } from '../client.ts';
import { basic, bearer, SETTINGS } from './people.ts';

const get = (path: string, headers: Record<string, string>, settings: Settings) =>
  sendWith(settings, 'GET', path, { headers });
const openUpload = (repository: string, headers: Record<string, string>, settings: Settings) =>
  sendWith(settings, 'POST', `/v2/${repository}/blobs/uploads/`, { headers });
const challengeOf = (response: Response) => response.headers.get('www-authenticate');

describe('a registry without people and policy', () => {
  it('lets in whoever it did before, and does not look at credentials', async () => {
    for (const headers of [{}, basic({ name: 'a', password: 'b' }), bearer('e30.e30.e30'), { authorization: 'x' }]) {
      expect((await get('/v2/', headers, { BERTH_ANONYMOUS: 'read' })).status).toBe(200);
      expect(
        (await get('/v2/', { host: 'localhost', ...headers }, { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' }))
          .status,
      ).toBe(200);
    }
    // A client that brought a token and is refused hears that the same one won't do.
    const refused = await openUpload('team/app', bearer('e30.e30.e30'), {
      ...SETTINGS,
      BERTH_POLICY: undefined,
      BERTH_HTPASSWD: undefined,
    });
    expect(challengeOf(refused)).toMatch(/error="insufficient_scope"$/);
  });
});
