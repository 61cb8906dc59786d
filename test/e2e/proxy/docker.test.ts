/**
 * What the proxy is for: docker pushes a layer that Cloudflare would refuse. Its engine sends a layer in one PATCH, and
 * tries HTTPS before HTTP on a registry of this machine.
 */
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { start } from '../berths.ts';
import { requireClient } from '../clients/client.ts';
import { runCommand } from '../clients/command.ts';
import { startDockerEngine } from '../clients/docker-daemon.ts';
import { parseJson } from '../clients/image-files.ts';
import { makeScratch } from '../clients/scratch.ts';
import { largeBody } from './large-body.ts';
import { LimitingFront } from './limiting-front.ts';
import { startProxy } from './proxy-process.ts';

const LAYER_BYTES = 300_000_000;
const MEMORY_LIMIT_BYTES = 120_000_000;
/** It is compressed, sent, stored, fetched and unpacked, on two cores that others may want too. */
const TEST_LIMIT_MS = 240_000;

test(
  'docker pushes a layer of 300 MB through the proxy and pulls it back, and is refused without it',
  { timeout: TEST_LIMIT_MS },
  async (context) => {
    const scratch = makeScratch();
    onTestFinished(() => scratch.remove());
    const engine = requireClient(context, 'docker', await startDockerEngine(scratch));
    onTestFinished(() => engine.stop());
    const docker = (...words: string[]) => runCommand('docker', words, { env: engine.env, limitMs: TEST_LIMIT_MS });
    const diffIds = async (name: string) =>
      v.parse(
        v.array(v.string()),
        parseJson((await docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name)).stdout),
      );

    // A request that came through a proxy is not one of this machine.
    const berth = await start({ environment: { BERTH_ANONYMOUS: 'read-write' } });
    const front = await LimitingFront.start(berth.url);
    const proxy = await startProxy(front.url);

    const folder = scratch.folder('layer');
    const file = createWriteStream(join(folder, 'content'));
    await finished(largeBody('docker', LAYER_BYTES).stream().pipe(file));
    writeFileSync(join(folder, 'small'), 'beside it');
    const archive = join(scratch.folder('files'), 'layer.tar');
    await runCommand('tar', ['-c', '-f', archive, '-C', folder, '.'], { env: scratch.env });
    const [direct, through] = [`${front.host}/team/large:1`, `${proxy.host}/team/large:1`];
    await docker('import', archive, through);
    await docker('tag', through, direct);
    const pushed = await diffIds(through);

    await expect(docker('push', direct)).rejects.toThrow('413');
    await docker('push', through);
    await docker('image', 'rm', '--force', direct, through);
    await docker('pull', through);
    // The engine has hashed what it unpacked, anew.
    expect(await diffIds(through)).toEqual(pushed);

    const chunks = front.of('PATCH').filter(({ status }) => status === 202);
    expect(chunks.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(LAYER_BYTES);
    expect(proxy.run.errors).toEqual([]);
    expect(proxy.peakMemory()).toBeLessThan(MEMORY_LIMIT_BYTES);
  },
);
