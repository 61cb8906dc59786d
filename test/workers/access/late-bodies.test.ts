/** Bodies that take their time: what was revoked while one came has no effect, and those of one kind keep no other out. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { documentBudget, formBudget, settingsBudget } from '../../../src/objects/upload/memory-budget.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import { imageOf, pushed, refusal, sendWith, textBytes, type Settings } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, type Blob } from '../world.ts';
import { admin, basic, bearer, newAccount, newToken, SETTINGS } from './administration.ts';
import { postToken, SERVICE, SETTINGS as REGISTRY } from './people.ts';

const name = 'late/app';
const SMALL_PIECE_BYTES = 8 * 1_024;

let blob: Blob;
let alice: string;
beforeAll(async () => {
  new LogLines();
  blob = await pushed(name, await newBlob(100));
  alice = basic('alice', await newAccount('alice'));
  expect((await admin('PUT', '/admin/policy', rule({}))).status).toBe(200);
  vi.restoreAllMocks();
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A request of which the first byte was taken in, and how to send the rest. */
async function begun(method: string, path: string, authorization: string, body: string, settings: Settings = SETTINGS) {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const headers = { authorization, 'content-type': OCI_MANIFEST };
  const answer = sendWith(settings, method, path, { headers, body: readable });
  const bytes = textBytes(body);
  await writer.write(bytes.subarray(0, 1));
  return async (): Promise<Response> => {
    await writer.write(bytes.subarray(1));
    await writer.close();
    return answer;
  };
}

const manifestPath = (tag: string) => `/v2/${name}/manifests/${tag}`;
const put = (tag: string) => {
  const headers = { authorization: alice, 'content-type': OCI_MANIFEST };
  return sendWith(SETTINGS, 'PUT', manifestPath(tag), { headers, body: imageOf(blob) });
};
const led = async (tag: string) => {
  const response = await sendWith(SETTINGS, 'HEAD', manifestPath(tag), { headers: { authorization: alice } });
  return response.headers.get('docker-content-digest');
};
const rule = (more: object) => ({
  rules: [{ name: 'late', subjects: ['authenticated'], repositories: ['late/**'], actions: ['*'], ...more }],
});
const setPolicy = async (policy: object) => {
  expect((await admin('PUT', '/admin/policy', policy, { headers: { 'if-match': '*' } })).status).toBe(200);
};

describe('a manifest that takes its time', () => {
  it('is stored where its pusher may still push', async () => {
    const finish = await begun('PUT', manifestPath('kept'), alice, imageOf(blob));
    expect((await finish()).status).toBe(201);
  });

  it('is refused where the policy lets nobody push there any more', async () => {
    const finish = await begun('PUT', manifestPath('closed'), alice, imageOf(blob));
    await setPolicy(rule({ actions: ['pull'] }));
    expect(await refusal(finish())).toMatchObject({ status: 403, code: 'DENIED' });
    await setPolicy(rule({}));
    expect(await led('closed')).toBeNull();
  });

  it('moves no tag that may not be moved any more', async () => {
    expect((await put('fixed')).status).toBe(201);
    const before = await led('fixed');
    const finish = await begun('PUT', manifestPath('fixed'), alice, imageOf(blob, { annotations: { a: 'b' } }));
    await setPolicy(rule({ overwrite: false }));
    expect(await refusal(finish())).toMatchObject({ status: 403, code: 'DENIED', detail: { tag: 'fixed' } });
    await setPolicy(rule({}));
    expect(await led('fixed')).toBe(before);
  });

  it('is refused where its pusher was disabled', async () => {
    const finish = await begun('PUT', manifestPath('disabled'), alice, imageOf(blob));
    await admin('PATCH', '/admin/accounts/alice', { disabled: true });
    expect((await refusal(finish())).status).toBe(401);
    await admin('PATCH', '/admin/accounts/alice', { disabled: false });
    expect(await led('disabled')).toBeNull();
  });
});

describe('a change of the administration that takes its time', () => {
  it('is not made where the token was revoked, or its owner is no administrator any more', async () => {
    await newAccount('root', { administrator: true });
    for (const [end, status] of [
      [(id: string) => admin('DELETE', `/admin/accounts/root/tokens/${id}`), 401],
      [() => admin('PATCH', '/admin/accounts/root', { administrator: false }), 403],
    ] as const) {
      await admin('PATCH', '/admin/accounts/root', { administrator: true });
      const opening = await newToken('root', { administrator: true });
      const finish = await begun('POST', '/admin/accounts', bearer(opening.token), '{"name":"late"}');
      await end(opening.id);
      expect((await refusal(finish())).status).toBe(status);
      expect((await admin('GET', '/admin/accounts/late')).status).toBe(404);
    }
  });

  it('nor is a token made with one that was revoked', async () => {
    await newAccount('bea');
    const token = await newToken('bea');
    const finish = await begun('POST', '/account/tokens', bearer(token.token), '{}');
    await admin('DELETE', `/admin/accounts/bea/tokens/${token.id}`);
    expect((await refusal(finish())).status).toBe(401);
  });
});

describe('forms that hold all memory for forms', () => {
  it('keep out no manifest and no change of the administration, and give it back', async () => {
    const flood = formBudget.open();
    while (flood.tryTake(SMALL_PIECE_BYTES));
    expect((await put('beside')).status).toBe(201);
    expect((await admin('POST', '/admin/accounts', { name: 'beside' })).status).toBe(201);
    const form = { grant_type: 'password', service: SERVICE, username: 'x', password: 'y' };
    const refused = await postToken(form, REGISTRY);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refusal(refused)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    flood.give(flood.heldBytes);
    expect((await postToken(form, REGISTRY)).status).toBe(401);
    expect([formBudget, settingsBudget, documentBudget].map(({ usedBytes }) => usedBytes)).toEqual([0, 0, 0]);
  });

  it('make room for who comes, the slowest first', async () => {
    const slow = Array.from({ length: 64 }, () => {
      const { readable, writable } = new IdentityTransformStream();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = sendWith(REGISTRY, 'POST', '/token', { headers, body: readable });
      return { answer, writer: writable.getWriter() };
    });
    await Promise.all(slow.map(({ writer }) => writer.write(textBytes('g'))));
    const form = { grant_type: 'password', service: SERVICE, username: 'x', password: 'y' };
    expect((await postToken(form, REGISTRY)).status).toBe(401);
    const statuses = await Promise.all(
      slow.map(async ({ answer, writer }) => {
        await writer.close().catch(() => undefined);
        const response = await answer;
        await response.body?.cancel();
        return response.status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([400, 408]));
    expect(formBudget.usedBytes).toBe(0);
    expect(formBudget.peakBytes).toBeLessThanOrEqual(512 * 1_024);
  });
});
