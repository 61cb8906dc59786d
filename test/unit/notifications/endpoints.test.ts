/** The document of endpoints: what it may say, and what each mistake is answered. */
import { describe, expect, it, test } from 'vitest';
import { parseEndpoint, parseEndpoints, type EndpointDocument } from '../../../src/notifications/endpoint-document.ts';
import { renderedBody } from '../../../src/notifications/rendering.ts';
import { isWanted } from '../../../src/notifications/wanted.ts';
import { DIGEST, event, manifestTarget, name, tag } from './events.ts';

const RULES = { allowPrivate: false, ownHosts: [] };
const URL = 'https://example.com/hook';

function one(more: Record<string, unknown> = {}): EndpointDocument {
  const result = parseEndpoints(JSON.stringify({ endpoints: [{ name: 'deploy', url: URL, ...more }] }), RULES);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  const [endpoint] = result.value.endpoints;
  if (endpoint === undefined) throw new Error('one was given');
  return endpoint;
}

function mistakesOf(more: Record<string, unknown>): readonly string[] {
  const result = parseEndpoints(JSON.stringify({ endpoints: [{ name: 'deploy', url: URL, ...more }] }), RULES);
  return result.ok ? [] : result.mistakes;
}

test('an endpoint needs a name and a URL, and gets what a deployment follows', () => {
  expect(one()).toEqual({
    name: 'deploy',
    url: URL,
    references: false,
    headers: {},
    signingSecrets: [],
    events: new Set(['manifest.push', 'manifest.delete', 'tag.delete']),
    repositories: undefined,
    tags: undefined,
    ignoreMediaTypes: new Set(),
    format: 'distribution',
    batch: 1,
    timeoutMs: 10_000,
    concurrency: 4,
    giveUpAfterMs: 259_200_000,
    order: 'any',
    disabled: false,
  });
});

test('secrets are named by a setting, and given by the admin API', () => {
  expect(one({ headers: { authorization: { binding: 'TOKEN' } }, signingSecrets: [{ binding: 'KEY' }] })).toMatchObject(
    {
      headers: { authorization: { binding: 'TOKEN' } },
      signingSecrets: [{ binding: 'KEY' }],
    },
  );
  const given = { name: 'deploy', url: URL, headers: { authorization: { value: 'Bearer x' } } };
  expect(parseEndpoint(JSON.stringify(given), RULES)).toMatchObject({ ok: true });
  expect(mistakesOf({ headers: { authorization: { value: 'Bearer x' } } })).toHaveLength(1);
});

test('a secret that stands in a setting itself is refused with how it is named, and is not shown', () => {
  const mistakes = mistakesOf({ headers: { Authorization: 'Bearer hunter2' }, signingSecrets: ['whsec_hunter2'] });
  expect(mistakes).toEqual([
    'endpoints[0].headers.Authorization: is a secret by its name: write it as {"binding": "NAME"}, which names where the secret is',
    'endpoints[0].signingSecrets[0]: must be {"binding": "NAME"}, which names where the secret is',
  ]);
  expect(one({ headers: { accept: 'text/plain' } })).toMatchObject({ headers: { accept: 'text/plain' } });
});

test.each([
  [{ name: 'Deploy' }, 'endpoints[0].name: must be up to 63 of a-z, 0-9 and -'],
  [{ name: 'a'.repeat(64) }, 'endpoints[0].name: must be up to 63 of a-z, 0-9 and -'],
  [{ url: 'http://example.com' }, 'endpoints[0].url: must begin with https://'],
  [{ url: 'https://10.0.0.1/' }, 'endpoints[0].url: must be an address of the public internet'],
  [{ secret: 'x' }, 'endpoints[0].secret: is not known here; docs/notifications.md has every key'],
  [{ events: [] }, 'endpoints[0].events: must not be empty'],
  [{ events: ['push'] }, 'endpoints[0].events[0]: must be one of manifest.push'],
  [{ repositories: ['Team/*'] }, 'endpoints[0].repositories[0]: may have lower-case letters'],
  [{ tags: ['a b'] }, 'endpoints[0].tags[0]: may have letters, digits'],
  [{ headers: { Host: 'x' } }, 'endpoints[0].headers.Host: is a header that Berth sets itself'],
  [{ headers: { 'Webhook-Id': 'x' } }, 'endpoints[0].headers."Webhook-Id": is a header that Berth sets itself'],
  [{ headers: { Upgrade: 'websocket' } }, 'endpoints[0].headers.Upgrade: is a header that Berth sets itself'],
  [{ headers: { Expect: '100-continue' } }, 'endpoints[0].headers.Expect: is a header that Berth sets itself'],
  [{ headers: { 'Proxy-Connection': 'x' } }, 'is a header that Berth sets itself'],
  [{ headers: { 'Content-Encoding': 'gzip' } }, 'is a header that Berth sets itself'],
  [{ headers: { 'a b': 'x' } }, 'must be the name of a header'],
  [{ headers: { a: 'x\r\ny: z' } }, 'endpoints[0].headers.a: must be one line of text'],
  [{ format: 'xml' }, 'endpoints[0].format: must be one of distribution, distribution-v1'],
  [{ format: { template: { a: '{nothing}' } } }, 'endpoints[0].format: template has no field {nothing}'],
  [{ format: 'slack', batch: 2 }, 'endpoints[0].batch: must be 1: a body of this format tells of one event'],
  [{ batch: 101 }, 'endpoints[0].batch: must be a whole number from 1 to 100'],
  [{ timeoutSeconds: 0 }, 'endpoints[0].timeoutSeconds: must be a whole number from 1 to 30'],
  [{ concurrency: 17 }, 'endpoints[0].concurrency: must be a whole number from 1 to 16'],
  [{ giveUpAfterDays: 7 }, 'endpoints[0].giveUpAfterDays: must be a whole number from 1 to 6'],
  [{ order: 'strict' }, 'endpoints[0].order: must be any or repository'],
  [{ disabled: 'no' }, 'endpoints[0].disabled: must be true or false'],
  [{ signingSecrets: [{ binding: 'A' }, { binding: 'B' }, { binding: 'C' }] }, 'must have at most 2 entries'],
])('%j is refused: %s', (more, mistake) => {
  expect(mistakesOf(more).join('; ')).toContain(mistake);
});

test('two endpoints of one name are refused', () => {
  const twice = { endpoints: [1, 2].map(() => ({ name: 'deploy', url: URL })) };
  expect(parseEndpoints(JSON.stringify(twice), RULES)).toMatchObject({
    ok: false,
    mistakes: ['endpoints: two endpoints are named "deploy"'],
  });
});

describe('an endpoint wants', () => {
  it('the kinds that it names, of the repositories and tags that it names', () => {
    const endpoint = one({ repositories: ['team/**'], tags: ['1.*', 'latest'] });
    const push = (repository: string, text: string) =>
      event('manifest.push', {
        repository: name(repository),
        target: { ...manifestTarget(DIGEST), tag: tag(text) },
      });
    expect(isWanted(endpoint, push('team/app', '1.2'))).toBe(true);
    expect(isWanted(endpoint, push('team/a/b', 'latest'))).toBe(true);
    expect(isWanted(endpoint, push('team', '1.2'))).toBe(false);
    expect(isWanted(endpoint, push('team/app', '2.0'))).toBe(false);
    expect(isWanted(endpoint, event('manifest.pull'))).toBe(false);
  });

  it('nothing without a tag where it names tags, and none of the types that it ignores', () => {
    const untagged = event('manifest.delete', { target: { digest: DIGEST } });
    expect(isWanted(one(), untagged)).toBe(true);
    expect(isWanted(one({ tags: ['*'] }), untagged)).toBe(false);
    const ignoring = one({ ignoreMediaTypes: ['application/vnd.oci.image.manifest.v1+json'] });
    expect(isWanted(ignoring, event())).toBe(false);
    expect(isWanted(ignoring, untagged)).toBe(true);
  });
});

test.each([
  ['distribution', 1, 'application/vnd.docker.distribution.events.v2+json'],
  ['distribution-v1', 5, 'application/vnd.docker.distribution.events.v1+json'],
  ['cloudevents', 1, 'application/cloudevents+json'],
  ['cloudevents', 5, 'application/cloudevents-batch+json'],
  ['slack', 1, 'application/json'],
  ['github', 1, 'application/json'],
  [{ template: { text: '{image}' } }, 1, 'application/json'],
])('the format %j in batches of %d is %s', (format, batch, type) => {
  const { type: given, body } = renderedBody(one({ format, batch }), [event()]);
  expect(given).toBe(type);
  expect(JSON.parse(body)).toBeTypeOf('object');
  expect(body).toContain('team/app');
});
