/** The receivers of docs/notifications.md, "Verify a signature", as the page has them, with messages that Berth has signed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { parseWebhookSecret, signedHeaders, type WebhookSecret } from '../../../src/notifications/signature.ts';
import { blocksOf } from './notifications-page.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const BODY = '{"text":"naïve — 東京"}';
const NOW_SECONDS = Math.floor(Date.now() / 1_000);

interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
type Receiver = (messages: readonly Message[], secret: string) => boolean[];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-signatures-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function parsed(secret: string): WebhookSecret {
  const known = parseWebhookSecret(secret);
  if (known === undefined) throw new Error('it is a secret');
  return known;
}

async function message(secrets: readonly string[], timestamp = NOW_SECONDS): Promise<Message> {
  const headers = await signedHeaders({ id: 'msg_1', timestamp, body: BODY }, secrets.map(parsed));
  return { headers, body: BODY };
}

const Answers = v.pipe(v.string(), v.parseJson(), v.array(v.boolean()));

/** Both read messages and a secret as JSON, and print what the page's function answers to each. */
const RECEIVERS: Readonly<Record<string, Receiver>> = {
  node: (messages, secret) => {
    const file = join(folder, 'verify.mjs');
    writeFileSync(file, blocksOf('js').join('\n'));
    const script = `
      import { isSigned } from ${JSON.stringify(pathToFileURL(file).href)};
      import { readFileSync } from 'node:fs';
      const { messages, secret } = JSON.parse(readFileSync(0, 'utf8'));
      console.log(JSON.stringify(messages.map(({ headers, body }) => isSigned(headers, Buffer.from(body), secret))));`;
    const input = JSON.stringify({ messages, secret });
    const words = ['--input-type=module', '--eval', script];
    return v.parse(Answers, execFileSync(process.execPath, words, { input, encoding: 'utf8' }));
  },
  python: (messages, secret) => {
    const script = `${blocksOf('python').join('\n')}
import json, sys
given = json.load(sys.stdin)
answers = [is_signed(one["headers"], one["body"].encode(), given["secret"]) for one in given["messages"]]
print(json.dumps(answers))`;
    const input = JSON.stringify({ messages, secret });
    return v.parse(Answers, execFileSync('python3', ['-c', script], { input, encoding: 'utf8' }));
  },
};

const hasPython = spawnSync('python3', ['-c', '"".removeprefix("")']).status === 0;

describe.each(Object.entries(RECEIVERS))('the receiver in %s', (language, answers) => {
  it.skipIf(language === 'python' && !hasPython)('takes what Berth has signed, and nothing else', async () => {
    const signed = await message([SECRET]);
    const accepted = [signed, await message([OTHER_SECRET, SECRET]), await message([SECRET], NOW_SECONDS - 200)];
    const refused = [
      { ...signed, body: `${BODY} ` },
      { ...signed, headers: { ...signed.headers, 'webhook-id': 'msg_2' } },
      { ...signed, headers: { ...signed.headers, 'webhook-timestamp': 'now' } },
      { ...signed, headers: { ...signed.headers, 'webhook-signature': 'v1,short v2,other' } },
      { ...signed, headers: {} },
      await message([OTHER_SECRET]),
      await message([]),
      await message([SECRET], NOW_SECONDS - 400),
      await message([SECRET], NOW_SECONDS + 400),
    ];
    expect(answers([...accepted, ...refused], SECRET)).toEqual([
      ...accepted.map(() => true),
      ...refused.map(() => false),
    ]);
  });
});

it('has a key made with openssl whose public half checks what Berth has signed', async () => {
  const [block = ''] = blocksOf('sh').filter((text) => text.startsWith('openssl genpkey'));
  const script = `${block}printf %s "$DEPLOY_WEBHOOK_SECRET"`;
  const secret = execFileSync('bash', ['-euc', script], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  expect(secret).toMatch(/^whsk_/);
  const { headers } = await message([secret]);
  const [version, signature = ''] = headers['webhook-signature']?.split(',') ?? [];
  expect(version).toBe('v1a');
  const text = Buffer.from(`msg_1.${String(NOW_SECONDS)}.${BODY}`);
  const publicKey = readFileSync(join(folder, 'deploy.pem'));
  expect(verify(null, text, publicKey, Buffer.from(signature, 'base64'))).toBe(true);
});
