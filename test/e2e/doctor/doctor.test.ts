/** `npm run doctor` on registries that are well, and on one behind a front with a planted trouble. */
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { start } from '../berths.ts';
import { HAS_DISTRIBUTION, startDistribution, USER, PASSWORD } from '../copy/distribution.ts';
import { doctor, examined, type Said } from './examining.ts';
import { makeAuthority, startFront } from './troubled-front.ts';

const ANN = ['--username', 'ann'] as const;
const password = 'correct horse';
const SIGNED_IN = { password };
const SOON = ['--quick', ...ANN] as const;

const PEOPLE = {
  BERTH_HTPASSWD: `ann:${hashSync(password, 5)}`,
  BERTH_POLICY: JSON.stringify({
    rules: [{ name: 'all', subjects: ['authenticated'], repositories: ['**'], actions: ['*'] }],
  }),
};

let berth: BerthProcess;

beforeAll(async () => {
  berth = await startBerth({
    environment: PEOPLE,
  });
});

afterAll(() => berth.discard());

describe('a registry that is well', () => {
  it('is a Berth with people, which takes a token and a password, and keeps nothing of the image', async () => {
    const port = await freePort();
    const own = await start({
      port,
      environment: { ...PEOPLE, BERTH_PUBLIC_URL: `http://127.0.0.1:${String(port)}` },
    });
    const { code, checks, failed, repository } = await examined([own.url, ...ANN], SIGNED_IN);
    expect(failed).toEqual([]);
    expect(code).toBe(0);
    expect(repository).toMatch(/^berth-doctor\/[0-9a-f]{12}$/);
    expect(checks['sign-in']?.message).toBe('ann is let in, by a token and by the password itself');
    for (const check of ['clock', 'challenge', 'push', 'locations', 'pull', 'ranges', 'body-limit', 'streaming'])
      expect(checks[check]?.status, check).toBe('ok');
    expect(checks['clean-up']).toMatchObject({
      status: 'ok',
      message: `the image is deleted again from ${repository}`,
    });
  });

  it.runIf(HAS_DISTRIBUTION)('is distribution, with a file of passwords', async () => {
    const { url } = await startDistribution({ password: true });
    const { code, checks, failed } = await examined([url, '--username', USER], { password: PASSWORD });
    expect(failed).toEqual([]);
    expect(code).toBe(0);
    for (const check of [
      'clock',
      'challenge',
      'sign-in',
      'push',
      'locations',
      'pull',
      'ranges',
      'body-limit',
      'streaming',
    ])
      expect(checks[check]?.status, check).toBe('ok');
  });

  it('is told to a person in a line a check, without colour where no terminal is', async () => {
    const { code, out } = await doctor([berth.url, '--quick'], { stdin: '' });
    expect(code).toBe(0);
    expect(out).toMatch(/^skipped {2}name {2,}\d+ ms {2}127\.0\.0\.1 is an address already\nok {7}connection /);
    expect(out).toContain('--username NAME');
    expect(out).not.toContain('\u001b');
    expect(out.trimEnd().split('\n')).toHaveLength(15);
  });
});

describe('a doctor that is stopped', () => {
  /** Stops it at the first request that matches, which nobody answers. */
  async function stopAt(method: string, path: RegExp, { deletes = true } = {}): Promise<{ said: Said; layer: string }> {
    const stop = Promise.withResolvers<undefined>();
    let layer = '';
    const url = await startFront(berth.url, {
      intercept: (incoming, outgoing) => {
        const { url: asked = '' } = incoming;
        if (incoming.method === 'DELETE' && asked.includes('/blobs/sha256:')) layer ||= asked;
        if (incoming.method === 'DELETE' && !deletes) outgoing.writeHead(405).end();
        else if (incoming.method === method && path.test(asked)) stop.resolve(undefined);
        else return false;
        return true;
      },
    });
    const said = await doctor([url, ...ANN], { ...SIGNED_IN, stop: stop.promise });
    return { said, layer };
  }

  it.each([
    ['has pushed', 'GET', /\/blobs\/sha256:/],
    ['is pushing', 'PUT', /\/manifests\//],
  ])('deletes what it %s, and says so', async (_, method, path) => {
    const { said, layer } = await stopAt(method, path);
    expect(said).toMatchObject({
      code: 130,
      errors: expect.stringMatching(/^Stopped: the image is deleted again from berth-doctor\/\w+\.\n$/) as unknown,
    });
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`;
    expect((await fetch(`${berth.url}${layer}`, { headers: { authorization } })).status).toBe(404);
  });

  it('says what is left where it may not delete', async () => {
    const { said } = await stopAt('GET', /\/blobs\/sha256:/, { deletes: false });
    expect(said.code).toBe(130);
    expect(said.errors).toMatch(/^Stopped: in berth-doctor\/\w+ there is left: the tag berth-doctor-\w+ .*a layer of /);
  });

  it('before it has pushed anything has nothing to say', async () => {
    const { said } = await stopAt('GET', /\/v2\/$/);
    expect(said).toMatchObject({ code: 130, errors: '' });
  });
});

describe('trouble', () => {
  it('of a port where nobody listens is named, and nothing after it is asked', async () => {
    const { code, checks, failed } = await examined([`http://127.0.0.1:${String(await freePort())}`]);
    expect([code, failed]).toEqual([1, ['connection']]);
    expect(checks['connection']?.message).toBe('nobody listens there');
    expect(checks['registry']).toMatchObject({ status: 'skipped', message: 'first put right: connection' });
  });

  it('of a wrong password is named', async () => {
    const { failed, checks } = await examined([berth.url, ...SOON], { password: 'another' });
    expect(failed).toEqual(['sign-in']);
    expect(checks['push']?.message).toBe('first put right: sign-in');
  });

  it('is none where nobody was named who may push: that is left out', async () => {
    const { failed, checks } = await examined([berth.url, '--quick'], {});
    expect(failed).toEqual([]);
    expect(checks['push']).toMatchObject({ status: 'skipped' });
    expect(checks['push']?.message).toContain('--username NAME');
  });

  it('of a front that refuses large bodies, and keeps others back until they are whole, is named', async () => {
    const url = await startFront(berth.url, {
      keepsUploadsBack: true,
      intercept: (incoming, outgoing) => {
        if (Number(incoming.headers['content-length'] ?? 0) <= 1024 * 1024) return false;
        outgoing.writeHead(413, { server: 'nginx/1.22.1' }).end('<html>');
        return true;
      },
    });
    const { failed, checks } = await examined([url, ...ANN], SIGNED_IN);
    expect(failed).toEqual(['body-limit', 'streaming']);
    expect(checks['streaming']?.advice).toContain('proxy_request_buffering off');
    expect(checks['body-limit']?.message).toBe(
      'an upload of 2.0 MB in one request is refused with 413 by nginx/1.22.1; 1.0 MB pass',
    );
    expect(checks['body-limit']?.advice).toContain('client_max_body_size 0');
  });

  it.each([
    ['another scheme', (path: string, host: string) => `https://${host}${path}`, 'X-Forwarded-Proto'],
    ['another host', (path: string) => `http://127.0.0.1:5000${path}`, 'Host as it was asked'],
  ])('of Location headers with %s is named', async (_, wrong, advice) => {
    const url = await startFront(berth.url, {
      header: (name, value) =>
        name === 'location'
          ? wrong(new URL(value, berth.url).href.slice(berth.url.length), new URL(berth.url).host)
          : value,
    });
    const { failed, checks } = await examined([url, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['locations']);
    expect(checks['locations']?.advice).toContain(advice);
  });

  it('of a clock that is off is named', async () => {
    const url = await startFront(berth.url, { date: new Date(Date.now() - 600_000) });
    const { failed, checks } = await examined([url, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['clock']);
    expect(checks['clock']?.message).toMatch(/^its clock is 10 minutes behind/);
  });

  it('of answers that are changed on the way is named', async () => {
    const url = await startFront(berth.url, {
      intercept: (incoming, outgoing) => {
        if (incoming.method !== 'GET' || incoming.url?.includes('/blobs/sha256:') !== true) return false;
        outgoing.writeHead(200, { 'content-type': 'application/octet-stream' }).end('other bytes');
        return true;
      },
    });
    const { failed } = await examined([url, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['pull', 'ranges']);
  });

  it('of a web page where a registry should be is named', async () => {
    const url = await startFront(berth.url, {
      intercept: (_, outgoing) => {
        outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
        return true;
      },
    });
    const { failed, checks } = await examined([url, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['registry']);
    expect(checks['registry']?.message).toContain('a web page');
  });
});

describe('over TLS', () => {
  it('a private authority is trusted when it is named', async () => {
    const authority = makeAuthority();
    const url = await startFront(berth.url, { tls: authority.issue() });
    const { failed, checks } = await examined([url, '--ca', authority.file, ...SOON], SIGNED_IN);
    expect(failed).toEqual([]);
    expect(checks['tls']?.message).toMatch(/^trusted, for localhost until \d{4}-\d\d-\d\d, signed by Private CA$/);
  });

  it('one that is not named is told, with what docker would say and where it wants its certificate', async () => {
    const url = await startFront(berth.url, { tls: makeAuthority().issue() });
    const { failed, checks } = await examined([url, '--ca', makeAuthority().file, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['tls']);
    expect(checks['tls']?.message).toContain('x509: certificate signed by unknown authority');
    expect(checks['tls']?.advice).toContain(`/etc/docker/certs.d/${new URL(url).host}/ca.crt`);
  });

  it.each([
    ['has expired', { days: -1 }, 'x509: certificate has expired'],
    ['is for another name', { name: 'other.example' }, 'x509: certificate is valid for other.example, not localhost'],
  ])('a certificate that %s is told', async (_, how, message) => {
    const authority = makeAuthority();
    const url = await startFront(berth.url, { tls: authority.issue(how) });
    const { failed, checks } = await examined([url, '--ca', authority.file, ...SOON], SIGNED_IN);
    expect(failed).toEqual(['tls']);
    expect(checks['tls']?.message).toContain(message);
  });

  it('a challenge that sends passwords over plain HTTP is told, and none is sent', async () => {
    const authority = makeAuthority();
    const passwords: string[] = [];
    const url = await startFront(berth.url, {
      tls: authority.issue(),
      intercept: ({ headers }) => {
        if (headers.authorization !== undefined) passwords.push(headers.authorization);
        return false;
      },
      header: (name, value) =>
        name === 'www-authenticate' ? `Bearer realm="${berth.url}/token",service="localhost"` : value,
    });
    const { failed, checks } = await examined([url, '--ca', authority.file, '--quick', ...ANN], SIGNED_IN);
    expect(passwords).toEqual([]);
    expect(failed).toContain('challenge');
    expect(checks['challenge']?.message).toContain('is not https, as the registry is');
    expect(checks['push']?.message).toBe('first put right: challenge');
  });
});

it('what is typed wrongly ends with code 2 and one line', async () => {
  expect(await doctor(['http://ann:secret@registry.example'])).toEqual({
    code: 2,
    out: '',
    errors:
      'The address must not hold a user and a password, which everyone could read in the list of processes: give --username NAME, and the password in BERTH_PASSWORD.\n',
  });
  expect(await doctor([berth.url, ...ANN], { stdin: '' })).toMatchObject({ code: 2, out: '' });
});
