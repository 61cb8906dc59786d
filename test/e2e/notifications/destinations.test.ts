/**
 * Where a webhook may be, to the end: what is refused at start, what a name resolves to, and where an answer would lead
 * (CVE-2020-13788, CVE-2026-32591).
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import type { BerthProcess } from '../berth-process.ts';
import { refusal, start } from '../berths.ts';
import { answering } from './reactions.ts';
import { Receiver } from './receiver.ts';

/** A name as of the public internet, which this machine believes to be itself. */
const NAME = 'hooks.berth-test.example';
/** Another, which resolves to 10.0.0.1 behind a NAT64 (RFC 6052). */
const NAT64_NAME = 'nat64.berth-test.example';
const DIGEST = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

async function receiver(): Promise<Receiver> {
  const one = await Receiver.start();
  onTestFinished(() => one.close());
  return one;
}

function endpointAt(url: string): string {
  return JSON.stringify({ endpoints: [{ name: 'a', url, events: ['blob.push'] }] });
}

async function pushBlob({ url }: BerthProcess): Promise<void> {
  const { status } = await fetch(`${url}/v2/a/blobs/uploads/?digest=${DIGEST}`, { method: 'POST' });
  expect(status).toBe(201);
}

test.each([
  'https://127.0.0.1/hook',
  'https://[::1]/hook',
  'https://0x7f.1/hook',
  'https://2130706433/hook',
  'https://[::ffff:169.254.169.254]/latest/meta-data',
  'https://localhost/hook',
  'http://hooks.example.com/',
])('an endpoint at %s is refused at start (CVE-2020-13788, CVE-2026-32591)', async (url) => {
  const { code, said } = await refusal({ environment: { BERTH_ENDPOINTS: endpointAt(url) } });
  expect(code).toBe(2);
  expect(said).toEqual([expect.stringMatching(/^BERTH_ENDPOINTS: endpoints\[0\]\.url must be/)]);
});

test('a name that resolves to this machine is not called, unless a setting allows it (CVE-2020-13788, CVE-2026-32591)', async (context) => {
  const within = await believing(context);
  const hooks = await receiver();
  const environment = { BERTH_ENDPOINTS: endpointAt(`https://${NAME}:${String(hooks.port)}/hook`) };
  const closed = await start({ environment, within });
  // The runtime says of each attempt that it made none.
  const refused = closed.run.waitFor(({ message }) => String(message).includes('blocked by restrictPeers'));
  await pushBlob(closed);
  await refused;
  await closed.stop();
  expect(hooks.connections).toBe(0);

  const open = await start({ environment: { ...environment, BERTH_WEBHOOKS_PRIVATE: 'on' }, within });
  await pushBlob(open);
  await hooks.untilConnected();
});

test('a name that resolves to an address through which private ones are reached is not called (CVE-2020-13788)', async (context) => {
  const within = await believing(context);
  const environment = { BERTH_ENDPOINTS: endpointAt(`https://${NAT64_NAME}/hook`) };
  const berth = await start({ environment, within });
  const refused = berth.run.waitFor(({ message }) => String(message).includes('blocked by restrictPeers'));
  await pushBlob(berth);
  await refused;
});

test('a redirection is not followed, and is no delivery (CVE-2020-13788, CVE-2026-32591)', async () => {
  const [first, second] = [await receiver(), await receiver()];
  first.react = answering(307, { location: second.url });
  const environment = { BERTH_WEBHOOKS_PRIVATE: 'on', BERTH_ENDPOINTS: endpointAt(first.url) };
  await pushBlob(await start({ environment }));
  await first.until((requests) => requests.length > 1);
  expect(new Set(first.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(second.connections).toBe(0);
});

/** A command that runs another with the name in its own /etc/hosts: on Linux, as root. */
async function believing(context: TestContext): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-hosts-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost ${NAME}\n64:ff9b::a00:1 ${NAT64_NAME}\n`);
  const command = ['unshare', '--mount', 'sh', '-c', `mount --bind '${hosts}' /etc/hosts && exec "$@"`, 'sh'];
  const [program = '', ...words] = command;
  try {
    await promisify(execFile)(program, [...words, 'true']);
    return command;
  } catch (error) {
    const message = `no /etc/hosts of its own here: ${error instanceof Error ? error.message.trim() : String(error)}`;
    if (process.env['BERTH_REQUIRE_CLIENTS'] === '1') throw new Error(message, { cause: error });
    console.warn(`skipped: ${message}`);
    return context.skip(message);
  }
}
