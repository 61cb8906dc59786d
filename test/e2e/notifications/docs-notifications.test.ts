/**
 * docs/notifications.md, run: its shell lines are typed, a Berth starts with each of its documents, and one event of each kind
 * names what the page's table says. What needs no process is in test/unit/notifications/docs.test.ts.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { EVENT_KINDS } from '../../../src/notifications/event.ts';
import { parseWebhookSecret } from '../../../src/notifications/signature.ts';
import { blocksOf, documentOf, namesIn, rowsOf } from '../../unit/notifications/notifications-page.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { run } from '../berths.ts';
import { runCommand } from '../clients/command.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { Receiver } from './receiver.ts';

const START_LIMIT_MS = 120_000;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.empty.v1+json';

let scratch: Scratch;
beforeAll(() => {
  scratch = makeScratch();
});
afterAll(() => scratch.remove());

/** What the line of the page makes. */
async function madeSecret(): Promise<string> {
  const [line = ''] = blocksOf('sh').filter((block) => block.startsWith('export DEPLOY_WEBHOOK_SECRET='));
  const script = `${line}printf %s "$DEPLOY_WEBHOOK_SECRET"`;
  return (await runCommand('bash', ['-euc', script], { env: scratch.env })).stdout.toString('utf8');
}

describe('docs/notifications.md', () => {
  it('makes a secret that signs', async () => {
    expect(parseWebhookSecret(await madeSecret())).toMatchObject({ kind: 'hmac' });
  });

  it.each(blocksOf('json').map((block) => [/"name": "(\w+)"/.exec(block)?.[1] ?? '', block] as const))(
    'has a document by which a Berth starts: %s',
    async (name, block) => {
      const [line = ''] = blocksOf('sh').filter((one) => one.startsWith('npm start'));
      const options = line.trim().replace('npm start -- ', '').split(' ');
      expect(options).toEqual(['--endpoints', 'endpoints.json']);
      const file = join(scratch.folder(name), 'endpoints.json');
      writeFileSync(file, documentOf(block));
      const started = run({
        words: ['--port', '0', '--data', join(scratch.folder(name), 'data'), ...options.slice(0, 1), file],
        environment: { DEPLOY_WEBHOOK_SECRET: await madeSecret(), GITHUB_DISPATCH_AUTHORIZATION: 'Bearer example' },
      });
      await started.waitFor(({ event }) => event === 'serving', { limitMs: START_LIMIT_MS, from: 0 });
    },
    START_LIMIT_MS,
  );
});

const Told = v.looseObject({
  target: v.record(v.string(), v.unknown()),
  berth: v.looseObject({ kind: v.picklist(EVENT_KINDS) }),
});
const Envelope = v.pipe(v.string(), v.parseJson(), v.object({ events: v.array(Told) }));
/** In `target` of every event, or of each that has a size, as the page says below its table. */
const ALWAYS = ['repository', 'url', 'length'];
/** In `berth`, where `target` of distribution knows no such field. */
const IN_BERTH = ['previousDigest', 'subject'];

describe('an event of each kind', () => {
  let receiver: Receiver;
  let berth: BerthProcess;

  beforeAll(async () => {
    receiver = await Receiver.start();
    const endpoint = { name: 'all', url: receiver.url, events: EVENT_KINDS, references: true };
    berth = await startBerth({
      environment: { BERTH_WEBHOOKS_PRIVATE: 'on', BERTH_ENDPOINTS: JSON.stringify({ endpoints: [endpoint] }) },
    });
    await makeEach();
    const kinds = (): Set<string> => new Set(told().map(({ berth: { kind } }) => kind));
    await receiver.until(() => kinds().size === EVENT_KINDS.length && told().length >= EVENTS_MADE);
  }, START_LIMIT_MS);

  afterAll(async () => {
    await berth.discard();
    await receiver.close();
  });

  const told = () => receiver.requests.flatMap(({ body }) => v.parse(Envelope, body).events);

  async function ask(method: string, path: string, body?: string, type = 'application/octet-stream') {
    const response = await fetch(new URL(path, berth.url), {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': type } }),
    });
    await response.arrayBuffer();
    expect(response.ok, `${method} ${path}: ${String(response.status)}`).toBe(true);
    return response;
  }

  /** Two pushes of a tag, the second of a manifest that has everything; and then all of it is deleted. */
  const EVENTS_MADE = 12;
  async function makeEach(): Promise<void> {
    const config = { mediaType: CONFIG, digest: digestOf('{}'), size: 2 };
    const plain = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [config] });
    const subject = { mediaType: MANIFEST, digest: digestOf(plain), size: plain.length };
    const more = { artifactType: 'application/vnd.example', subject, annotations: { note: 'one' } };
    const whole = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, ...more, config, layers: [config] });

    const upload = await ask('POST', '/v2/docs/one/blobs/uploads/', '');
    const place = new URL(upload.headers.get('location') ?? '', berth.url);
    place.searchParams.set('digest', config.digest);
    await ask('PUT', place.href, '{}');
    await ask('POST', `/v2/docs/two/blobs/uploads/?mount=${config.digest}&from=docs/one`, '');
    await ask('GET', `/v2/docs/one/blobs/${config.digest}`);
    await ask('PUT', '/v2/docs/one/manifests/tag', plain, MANIFEST);
    await ask('PUT', '/v2/docs/one/manifests/tag', whole, MANIFEST);
    await ask('GET', '/v2/docs/one/manifests/tag');
    await ask('DELETE', '/v2/docs/one/manifests/tag');
    for (const text of [whole, plain]) await ask('DELETE', `/v2/docs/one/manifests/${digestOf(text)}`);
    await ask('DELETE', `/v2/docs/one/blobs/${config.digest}`);
  }

  it.each(rowsOf('## Events').map(([kind = '', , fields = '']) => [namesIn(kind)[0] ?? '', namesIn(fields)] as const))(
    '%s names what the table says',
    (kind, fields) => {
      const events = told().filter(({ berth: added }) => added.kind === kind);
      const inTarget = events.flatMap(({ target }) =>
        Object.entries(target)
          .filter(([name, value]) => !ALWAYS.includes(name) && value !== '' && value !== 0)
          .map(([name]) => name),
      );
      const inBerth = events.flatMap(({ berth: added }) =>
        Object.keys(added).filter((name) => IN_BERTH.includes(name)),
      );
      expect([...new Set([...inTarget, ...inBerth])].sort()).toEqual([...fields].sort());
    },
  );
});

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
