/**
 * docs/notifications.md, run: its shell lines are typed, a Berth starts with each of its documents, and one event of each kind
 * names what the page's table says. Then docs/notifications-admin.md is typed, block after block, against that Berth. What
 * needs no process is in test/unit/notifications/docs.test.ts.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { EVENT_KINDS } from '../../../src/notifications/event.ts';
import { parseWebhookSecret } from '../../../src/notifications/signature.ts';
import { ADMIN_PAGE, blocksOf, documentOf, namesIn, rowsOf } from '../../unit/notifications/notifications-page.ts';
import { PageShell } from '../access/page-shell.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { run } from '../berths.ts';
import { detectProgram, requireClient, type Availability } from '../clients/client.ts';
import { runCommand } from '../clients/command.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { Receiver } from './receiver.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const START_LIMIT_MS = 120_000;
const STEP_LIMIT_MS = 60_000;
const WAIT_LIMIT_MS = 45_000;
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

const EMPTY = { mediaType: CONFIG, digest: digestOf('{}'), size: 2 };
const PLAIN = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: EMPTY, layers: [EMPTY] });

const Told = v.looseObject({
  target: v.record(v.string(), v.unknown()),
  berth: v.looseObject({ kind: v.picklist(EVENT_KINDS) }),
});
const Envelope = v.pipe(v.string(), v.parseJson(), v.object({ events: v.array(Told) }));
/** In `target` of every event, or of each that has a size, as the page says below its table. */
const ALWAYS = ['repository', 'url', 'length'];
/** In `berth`, where `target` of distribution knows no such field. */
const IN_BERTH = ['previousDigest', 'subject'];

describe('one Berth', () => {
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

  async function pushConfig(repository: string): Promise<void> {
    const upload = await ask('POST', `/v2/${repository}/blobs/uploads/`, '');
    const place = new URL(upload.headers.get('location') ?? '', berth.url);
    place.searchParams.set('digest', EMPTY.digest);
    await ask('PUT', place.href, '{}');
  }

  /** Two pushes of a tag, the second of a manifest that has everything; and then all of it is deleted. */
  const EVENTS_MADE = 12;
  async function makeEach(): Promise<void> {
    const config = EMPTY;
    const plain = PLAIN;
    const subject = { mediaType: MANIFEST, digest: digestOf(plain), size: plain.length };
    const more = { artifactType: 'application/vnd.example', subject, annotations: { note: 'one' } };
    const whole = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, ...more, config, layers: [config] });

    await pushConfig('docs/one');
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
    'tells of %s what the table says',
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

  describe('docs/notifications-admin.md', () => {
    /** The programs of a person's terminal, as they are in the clone. */
    const PRELUDE = 'npm() { "$NODE" "$ROOT/standalone/admin-password-command.ts" --data "$DATA"; }';
    const BLOCKS = blocksOf('sh', ADMIN_PAGE).filter((block) => !block.includes('npm start'));
    const [helpers = '', ...steps] = BLOCKS;
    let hook: Receiver;
    let shell: PageShell;
    let jq: Availability<string>;
    let environment: Record<string, string>;

    beforeAll(async () => {
      hook = await Receiver.start();
      jq = await detectProgram('jq', scratch);
      environment = { ...scratch.env, ROOT, DATA: berth.data, NODE: join(ROOT, 'node_modules', '.bin', 'node') };
      shell = new PageShell(scratch.folder('clone'), environment, `${PRELUDE}\n${asHere(helpers)}`);
      await pushConfig('team/app');
    });
    afterAll(async () => {
      await shell.end();
      await hook.close();
    });

    const asHere = (text: string): string =>
      text.replaceAll('http://127.0.0.1:8787', berth.url).replaceAll('https://deploy.example.com/hook', hook.url);

    async function typed(block: string): Promise<string> {
      const { failed, output } = await shell.play(asHere(block));
      expect(failed, output).toBeUndefined();
      return output;
    }

    /** Until the log has it: the endpoint that wants everything is told of what the log has. */
    async function push(tag: string): Promise<void> {
      await ask('PUT', `/v2/team/app/manifests/${tag}`, PLAIN, MANIFEST);
      await receiver.until(() => told().some(({ target }) => target['tag'] === tag));
    }

    const isTold = (tag: string): Promise<void> =>
      hook.until((requests) => requests.some(({ body }) => body.includes(`"tag":"${tag}"`)));
    const signatures = (): number => String(hook.requests.at(-1)?.headers['webhook-signature']).split(' ').length;
    const ping = () => typed(steps.find((block) => block.includes('/ping')) ?? '');

    /** What holds once a block was typed; those that need something to be there first type it themselves. */
    const HOLDS: readonly (readonly [named: string, then: (block: string) => Promise<void>])[] = [
      [
        'Bearer of the receiver',
        async (block) => {
          expect(await typed(block)).toContain('"signingSecrets":[{"value":"***"}]');
        },
      ],
      [
        '/ping',
        async (block) => {
          expect(await typed(block)).toContain('"delivered":true');
          expect(hook.requests.at(-1)?.headers.authorization).toBe('Bearer of the receiver');
          expect(signatures()).toBe(1);
        },
      ],
      [
        'deploy | jq\n',
        async (block) => {
          expect(await typed(block)).toContain('"breaker": "closed"');
        },
      ],
      [
        '/deliveries',
        async (block) => {
          await push('delivered');
          await isTold('delivered');
          // It is written down once the receiver's answer has come.
          await expect.poll(() => typed(block), { timeout: WAIT_LIMIT_MS }).toContain('"status": 200');
        },
      ],
      [
        '.disabled = true',
        async (block) => {
          await typed(block);
          await push('buried');
        },
      ],
      [
        '.disabled = false',
        async (block) => {
          expect(await typed(block)).not.toContain('"disabled":true');
        },
      ],
      [
        '/dead-letters | jq\n',
        async (block) => {
          expect(await typed(block)).toContain('the endpoint was disabled');
        },
      ],
      [
        'first=',
        async (block) => {
          expect(await typed(block)).toMatch(/"repository": "team\/app"/);
        },
      ],
      [
        '/replay',
        async (block) => {
          expect(await typed(block)).toContain('"spans":');
          await isTold('buried');
        },
      ],
      [
        '$new',
        async (block) => {
          await typed(block);
          await ping();
          expect(signatures()).toBe(2);
        },
      ],
      [
        '.signingSecrets = [{ value: "***" }]',
        async (block) => {
          await typed(block);
          await ping();
          expect(signatures()).toBe(1);
        },
      ],
      [
        '/events/stream',
        async (block) => {
          const script = `${PRELUDE}\n${asHere(helpers)}\n${asHere(block)}`;
          const child = spawn('bash', ['-c', script], {
            env: environment,
            detached: true,
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          const heard: string[] = [];
          const lines = createInterface({ input: child.stdout }).on('line', (line) => heard.push(line));
          const signal = AbortSignal.timeout(WAIT_LIMIT_MS);
          try {
            // From its first line on it is told of everything.
            while (heard.length === 0) await once(lines, 'line', { signal });
            await push('live');
            while (!heard.some((line) => /^data: .*"live"/.test(line))) await once(lines, 'line', { signal });
          } finally {
            process.kill(-(child.pid ?? 0), 'SIGKILL');
          }
        },
      ],
      [
        '-X DELETE',
        async (block) => {
          await typed(block);
          expect((await shell.play('admin $berth/admin/endpoints/deploy')).output).toContain('no such endpoint');
        },
      ],
    ];

    it('is checked block by block', () => {
      expect(steps).toHaveLength(HOLDS.length);
    });

    it.for(HOLDS.map(([named, then], index) => ({ named, then, index })))(
      'works as it says: $named',
      { timeout: STEP_LIMIT_MS },
      async ({ named, then, index }, context) => {
        requireClient(context, 'jq', jq);
        const block = steps[index] ?? '';
        expect(block).toContain(named);
        await then(block);
      },
    );
  });
});

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
