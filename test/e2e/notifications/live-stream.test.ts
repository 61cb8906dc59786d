/** The live stream of events and the end of the registry: who listens holds nothing up. */
import { expect, it } from 'vitest';
import { start } from '../berths.ts';

const PASSWORD = 'a password of this test';

it('ends when the registry stops, which does not wait for its clients', async () => {
  const berth = await start({ environment: { BERTH_EVENTS: 'on', BERTH_ADMIN_PASSWORD: PASSWORD } });
  const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
  const response = await fetch(`${berth.url}/admin/events/stream`, { headers: { authorization } });
  expect(response.status).toBe(200);
  const reader = response.body?.getReader();
  const first: unknown = (await reader?.read())?.value;
  expect(first instanceof Uint8Array && new TextDecoder().decode(first)).toContain('retry: ');
  await berth.stop();
  await expect((async () => reader?.closed)()).rejects.toThrow();
});
