/** Passwords, tokens and redirections: who is told what, and who never is (CVE-2020-15157, CVE-2026-33540). */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { start } from '../berths.ts';
import { expectAllServed, expectServed, imageIn, pushAll, pushContent } from './content.ts';
import { startCopy, wellCopied } from './copying.ts';
import { HAS_DISTRIBUTION, PASSWORD, startDistribution, USER } from './distribution.ts';
import { answer, startFront, startSecure } from './front.ts';

const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;

describe.skipIf(!HAS_DISTRIBUTION)('access', () => {
  test('a password opens a source and a target, and is sent to nobody without --from-user', async () => {
    const [old, other] = [await startDistribution({ password: true }), await startDistribution({ password: true })];
    const content = imageIn('secret/app');
    await pushContent(old.url, content, { authorization: BASIC });
    const words = ['--from', old.url, '--to', other.url];
    const environment = { BERTH_COPY_FROM_PASSWORD: PASSWORD, BERTH_COPY_TO_PASSWORD: PASSWORD };
    const users = ['--from-user', USER, '--to-user', USER];
    await wellCopied([...words, ...users], environment);
    await expectServed(other.url, content, { authorization: BASIC });

    const closed = await startCopy(words).ended;
    expect(closed).toMatchObject({ code: 1, out: '' });
    expect(closed.errors).toMatch(/^Nothing was copied: 127\.0\.0\.1:\d+ asks for a user and a password.*\n$/);
    const wrong = await startCopy([...words, ...users], { ...environment, BERTH_COPY_FROM_PASSWORD: 'mistyped' }).ended;
    expect(wrong.errors).toMatch(/^Nothing was copied: 127\.0\.0\.1:\d+ does not take this user and password.*\n$/);
    expect(wrong.errors + wrong.out).not.toContain('mistyped');
  });

  test('a token is asked for once a repository, and again when it is no longer taken', async () => {
    const [old, berth] = [await startDistribution(), await start()];
    const contents = [imageIn('tokens/a'), imageIn('tokens/b')];
    await pushAll(old.url, contents);
    const valid = new Map<string, string>();
    const asked: string[] = [];
    let revoked = false;
    const front = await startFront(old.url, (request) => {
      const { path, query, authorization } = request;
      const scopes = query.getAll('scope').join(' ');
      if (path === '/token') {
        if (authorization !== BASIC || query.get('service') !== 'test') return answer(request, 401, {});
        asked.push(scopes);
        const token = randomBytes(8).toString('hex');
        valid.set(token, scopes);
        return answer(request, 200, { 'content-type': 'application/json' }, JSON.stringify({ token, expires_in: 300 }));
      }
      // Once in the middle, all tokens are no longer good.
      if (!revoked && path.includes('tokens/b/manifests')) {
        revoked = true;
        valid.clear();
      }
      const scope = valid.get(/^Bearer (.*)$/.exec(authorization ?? '')?.[1] ?? '');
      const repository = /^\/v2\/(tokens\/.)\//.exec(path)?.[1];
      const needed =
        path === '/v2/' ? '' : repository === undefined ? 'registry:catalog:*' : `repository:${repository}:pull`;
      if (scope === needed) return false;
      const realm = `Bearer realm="http://${request.request.headers.host ?? ''}/token",service="test"`;
      return answer(request, 401, { 'www-authenticate': realm });
    });
    const words = ['--from', front.url, '--to', berth.url, '--from-user', USER, '--parallel', '1'];
    const { out, errors, report } = await wellCopied(words, { BERTH_COPY_FROM_PASSWORD: PASSWORD });
    await expectAllServed(berth.url, contents);
    const said = out + errors + JSON.stringify(report);
    for (const secret of [PASSWORD, ...valid.keys()]) expect(said).not.toContain(secret);
    expect(asked).toEqual([
      '',
      'registry:catalog:*',
      'repository:tokens/a:pull',
      'repository:tokens/b:pull',
      'repository:tokens/b:pull',
    ]);
  });

  test('a registry that sends its caller elsewhere for a token gets no password there (CVE-2020-15157, CVE-2026-33540)', async () => {
    const berth = await start();
    const elsewhere = await startFront(berth.url, (asked) => answer(asked, 200, {}, '{"token":"x"}'));
    // By its other name it is another host.
    const realm = elsewhere.url.replace('127.0.0.1', 'localhost');
    const front = await startFront(berth.url, (asked) =>
      answer(asked, 401, { 'www-authenticate': `Bearer realm="${realm}/token",service="x"` }),
    );
    const words = ['--from', front.url, '--to', berth.url, '--from-user', USER];
    const { code, errors } = await startCopy(words, { BERTH_COPY_FROM_PASSWORD: PASSWORD }).ended;
    expect(code).toBe(1);
    expect(errors).toContain(
      `sends us for a token to a place (${realm}) that is neither on 127.0.0.1 nor in its domain`,
    );
    expect(elsewhere.passed).toEqual([]);
  });

  test('a certificate that is not trusted is told of with its registry or token server, and with what makes it trusted', async () => {
    const berth = await start();
    const secure = await startSecure();
    const told = /its certificate is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\); NODE_EXTRA_CA_CERTS=\S+ names/;
    const direct = await startCopy(['--from', secure.url, '--to', berth.url]).ended;
    expect(direct.code).toBe(1);
    expect(direct.errors).toMatch(told);
    const front = await startFront(berth.url, (asked) =>
      answer(asked, 401, { 'www-authenticate': `Bearer realm="${secure.url}/token",service="x"` }),
    );
    const from = front.url.replace('127.0.0.1', 'localhost');
    const { code, errors, out } = await startCopy(['--from', from, '--to', berth.url]).ended;
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(errors).toMatch(told);
    expect(errors).toContain(`the token server ${new URL(secure.url).host}: GET `);
    expect(errors).not.toContain('--repository');
  });

  test('bytes that lie elsewhere are fetched there, without the password', async () => {
    const [old, berth] = [await startDistribution({ password: true }), await start()];
    const content = imageIn('redirected/app');
    await pushContent(old.url, content, { authorization: BASIC });
    const store = await startFront(old.url, (asked) => {
      const bytes = content.blobs.get(asked.query.get('signed') ?? '');
      return bytes === undefined ? answer(asked, 404, {}) : answer(asked, 200, {}, bytes);
    });
    let hops = 0;
    const front = await startFront(old.url, (asked) => {
      const digest = /\/blobs\/(sha256:\w+)$/.exec(asked.path)?.[1];
      if (digest === undefined) return false;
      hops += 1;
      // Some first to themselves.
      const isFirst = !asked.query.has('again');
      return answer(asked, 307, {
        location: isFirst ? `${asked.path}?again=1` : `${store.url}/bucket?signed=${digest}`,
      });
    });
    const words = ['--from', front.url, '--to', berth.url, '--from-user', USER];
    await wellCopied(words, { BERTH_COPY_FROM_PASSWORD: PASSWORD });
    await expectServed(berth.url, content);
    expect(hops).toBe(2 * content.blobs.size);
    expect(store.passed).toHaveLength(content.blobs.size);
    expect(store.passed.map(({ authorization }) => authorization)).toEqual(store.passed.map(() => undefined));
    expect(front.passed.at(-1)?.authorization).toBe(BASIC);
  });
});
