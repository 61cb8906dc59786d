/**
 * `npm start` with a certificate of a private authority, which asks its clients for theirs: real clients, set up as
 * docs/deploy.md says, and a renewal in the middle of a push.
 */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Authority, type Issued } from '../../certificate-authority.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { refusal } from '../berths.ts';
import { requireClient } from '../clients/client.ts';
import { startCtr } from '../clients/ctr-client.ts';
import { startDocker } from '../clients/docker-client.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { startPodman } from '../clients/podman-client.ts';
import { makeScratch } from '../clients/scratch.ts';
import { startSkopeo } from '../clients/skopeo-client.ts';
import { largeBody } from '../proxy/large-body.ts';
import { emptyTrust, writeTrust } from './trust.ts';

const TEST_LIMIT_MS = 240_000;
const LAYER_BYTES = 300_000_000;

/** Of this machine, and none of those where docker takes any certificate, which are the ones that begin with 127. */
const ADDRESS = '0.0.0.0';

const authority = Authority.root();
const own = authority.issue({ name: 'a client', usages: ['client'] });
const issue = (): Issued => authority.issue({ name: 'registry', hosts: [ADDRESS, '127.0.0.1'], usages: ['server'] });

let folder: string;
let berth: BerthProcess;
let host: string;

function write({ certificate, key }: Issued): void {
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key);
  chmodSync(join(folder, 'key.pem'), 0o600);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-tls-'));
  write(issue());
  writeFileSync(join(folder, 'ca.pem'), authority.certificate);
  berth = await startBerth({
    environment: {
      BERTH_TLS_CERT: join(folder, 'cert.pem'),
      BERTH_TLS_KEY: join(folder, 'key.pem'),
      BERTH_TLS_CLIENT_CA: join(folder, 'ca.pem'),
      BERTH_ANONYMOUS: 'read-write',
    },
  });
  host = `${ADDRESS}:${String(berth.port)}`;
}, TEST_LIMIT_MS);

afterAll(async () => {
  await berth.discard();
  rmSync(folder, { recursive: true });
}, TEST_LIMIT_MS);

const CLIENTS = [
  ['docker', startDocker],
  ['podman', startPodman],
  ['skopeo', startSkopeo],
  ['ctr', startCtr],
] as const;

test.for(CLIENTS)(
  '%s pushes and pulls with a certificate, and is told what is missing without',
  { timeout: TEST_LIMIT_MS },
  async ([name, startClient], context) => {
    const scratch = makeScratch();
    onTestFinished(() => scratch.remove());
    const trust = emptyTrust(scratch, host);
    const started = await startClient(scratch, trust);
    onTestFinished(async () => {
      if (started.kind === 'available') await started.value.stop();
    });
    const client = requireClient(context, name, started);
    const { base } = imagesSharingLayers(`tls/${name}`);
    const reference = `${host}/tls/${name}:one`;
    await client.load(base, reference);

    writeTrust(trust, host, authority.certificate);
    await expect(client.push(reference)).rejects.toThrow(/wants a certificate of its clients|403 \(?Forbidden/);
    writeTrust(trust, host, Authority.root('another').certificate, own);
    await expect(client.push(reference)).rejects.toThrow(/certificate signed by unknown authority/);

    writeTrust(trust, host, authority.certificate, own);
    await client.push(reference);
    await client.forgetAll();
    expect((await client.pull(reference)).diffIds).toEqual(base.layers.map(({ diffId }) => diffId));
  },
);

test('the log tells of a client that does not trust the certificate', async (context) => {
  const scratch = makeScratch();
  onTestFinished(() => scratch.remove());
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const other = await startBerth({ environment: { BERTH_TLS_CERT: cert, BERTH_TLS_KEY: key } });
  onTestFinished(() => other.discard());
  const place = `${ADDRESS}:${String(other.port)}`;
  const trust = emptyTrust(scratch, place);
  writeTrust(trust, place, Authority.root('another').certificate);
  const client = requireClient(context, 'skopeo', await startSkopeo(scratch, trust));
  const reference = `${place}/tls/distrust:one`;
  await client.load(imagesSharingLayers('tls/distrust').base, reference);
  const told = other.run.waitFor(({ event, ...fields }) => event === 'client-refused' && fields['why'] === 'distrust');
  await expect(client.push(reference)).rejects.toThrow(/certificate signed by unknown authority/);
  expect(String((await told)['reason'])).toMatch(/_ALERT_(BAD_CERTIFICATE|UNKNOWN_CA)$/);
});

test('a certificate that is renewed in the middle of a push cuts nothing, and the next handshake has the new one', async () => {
  const body = largeBody('renewal', LAYER_BYTES);
  const agent = new Agent({ ca: authority.certificate, cert: own.certificate, key: own.key });
  onTestFinished(() => {
    agent.destroy();
  });
  const before = await servedSerial();
  const push = request(`${berth.url}/v2/tls/renewal/blobs/uploads/?digest=${body.digest}`, {
    method: 'POST',
    agent,
    headers: { 'content-length': String(body.sizeBytes), 'content-type': 'application/octet-stream' },
  });
  const answered = once(push, 'response');
  let sent = 0;
  for await (const piece of body.stream()) {
    if (!(piece instanceof Buffer)) throw new Error('that is no bytes');
    if (!push.write(piece)) await once(push, 'drain');
    const half = LAYER_BYTES / 2;
    if (sent < half && sent + piece.byteLength >= half) await renew();
    sent += piece.byteLength;
  }
  push.end();
  const [answer] = v.parse(v.tuple([v.looseObject({ statusCode: v.number() })]), await answered);
  expect(answer.statusCode).toBe(201);
  expect(await servedSerial()).not.toBe(before);
});

async function renew(): Promise<void> {
  const renewed = berth.run.waitFor(({ event }) => event === 'certificate-renewed');
  write(issue());
  await renewed;
}

test('SIGHUP has the files read, and a wrong pair is said and not served', async () => {
  const before = await servedSerial();
  const refused = berth.run.waitFor(({ event }) => event === 'certificate-refused');
  writeFileSync(join(folder, 'key.pem'), issue().key);
  process.kill(berth.pid, 'SIGHUP');
  expect((await refused)['message']).toMatch(/^the key in .*key\.pem does not belong to the certificate in /);
  expect(await servedSerial()).toBe(before);
  const renewed = berth.run.waitFor(({ event }) => event === 'certificate-renewed');
  write(issue());
  process.kill(berth.pid, 'SIGHUP');
  await renewed;
  expect(await servedSerial()).not.toBe(before);
});

test('what can’t be served ends the start with code 2 and one line', async () => {
  const other = join(folder, 'other.pem');
  writeFileSync(other, issue().key, { mode: 0o600 });
  const environment = { BERTH_TLS_CERT: join(folder, 'cert.pem'), BERTH_TLS_KEY: other };
  const { code, said } = await refusal({ environment });
  expect(code).toBe(2);
  expect(said).toEqual([
    expect.stringMatching(
      /^BERTH_TLS_CERT will not do: the key in .*other\.pem does not belong to the certificate in /,
    ),
  ]);
  const alone = await refusal({ words: ['--tls-cert', join(folder, 'cert.pem')] });
  expect(alone).toEqual({ code: 2, said: ['--tls-cert needs --tls-key besides. Give both, or neither.'] });
});

async function servedSerial(): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port: berth.port, ca: authority.certificate });
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}
