/** Charts as helm keeps them in a registry: one manifest a version, the version being the tag. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startAgeing, tokenAnswers } from '../access/ageing-registry.ts';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { PREPARATION_LIMIT_MS, goCommand } from './go-programs.ts';
import type { GoCommand } from './go-programs.ts';
import { registryOfPeople } from './recorded-registry.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';

const TEST_LIMIT_MS = 120_000;
const CONFIG_MAP = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-tides
data:
  version: {{ .Chart.Version | quote }}
`;

let registry: RegistryUnderTest;
let scratch: Scratch;
let helm: Availability<GoCommand>;

beforeAll(async () => {
  scratch = makeScratch();
  helm = await goCommand('helm', scratch);
  registry = await registryUnderTest();
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  await registry.stop();
  await scratch.remove();
}, TEST_LIMIT_MS);

describe('helm', { timeout: TEST_LIMIT_MS }, () => {
  test('pushes a chart and pulls it back', async (context) => {
    const run = requireClient(context, 'helm', helm);
    const charts = chartsUrl('helm-one');
    const packed = await packChart(run, 'harbour', '1.2.3');
    const { output } = await run(['push', '--plain-http', packed, charts]);
    const digest = /Digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1];
    const back = scratch.folder('one');
    const again = await run([
      ...['pull', '--plain-http', '--version', '1.2.3'],
      ...['--destination', back, `${charts}/harbour`],
    ]);
    expect(again.output).toContain(digest);
    expect(readFileSync(join(back, 'harbour-1.2.3.tgz')).equals(readFileSync(packed))).toBe(true);
    await expect(run(['pull', '--plain-http', '--version', '9.9.9', `${charts}/harbour`])).rejects.toThrow(/not found/);
  });

  test('finds the newest version of a range among the tags, and one with build metadata', async (context) => {
    const run = requireClient(context, 'helm', helm);
    const charts = chartsUrl('helm-many');
    // A tag has no `+`: helm writes `_` for it, and reads it back.
    for (const version of ['1.0.0', '1.9.0', '1.10.0+tide.7', '2.0.0']) {
      await run(['push', '--plain-http', await packChart(run, 'harbour', version), charts]);
    }
    const shown = await run(['show', 'chart', '--plain-http', '--version', '^1.0.0', `${charts}/harbour`]);
    expect(shown.stdout.toString('utf8')).toContain('version: 1.10.0+tide.7');
    const newest = await run(['template', 'port', '--plain-http', `${charts}/harbour`]);
    expect(newest.stdout.toString('utf8')).toContain('version: "2.0.0"');
  });
});

test(
  'helm signs in to a registry that asks who comes, pushes a chart, pulls it back, and signs out',
  { timeout: TEST_LIMIT_MS },
  async (context) => {
    const run = requireClient(context, 'helm', helm);
    const asking = await registryOfPeople();
    onTestFinished(() => asking.stop());
    const { host } = asking.recorder;
    const { name, password } = asking.person;
    const login = (secret: string) =>
      run(['registry', 'login', '--plain-http', '--username', name, '--password', secret, host]);
    const charts = `oci://${host}/charts`;
    const packed = await packChart(run, 'harbour', '4.0.0');
    const push = () => run(['push', '--plain-http', packed, charts]);
    await expect(push()).rejects.toThrow(/unauthorized/i);
    await expect(login('wrong')).rejects.toThrow(/the name or the password is wrong/);
    await login(password);
    await push();
    const back = scratch.folder('signed-in');
    await run(['pull', '--plain-http', '--version', '4.0.0', '--destination', back, `${charts}/harbour`]);
    expect(readFileSync(join(back, 'harbour-4.0.0.tgz')).equals(readFileSync(packed))).toBe(true);
    await run(['registry', 'logout', host]);
    await expect(push()).rejects.toThrow(/unauthorized/i);
  },
);

test(
  'helm pushes another chart with no new login twenty minutes after it signed in and pushed one',
  { timeout: TEST_LIMIT_MS },
  async (context) => {
    const run = requireClient(context, 'helm', helm);
    const ageing = requireClient(context, 'a clock that moves', await startAgeing(scratch));
    onTestFinished(() => ageing.discard());
    const { host, recorder, people } = ageing;
    const { name, password } = people.htpasswd;
    const push = async (version: string) =>
      run(['push', '--plain-http', await packChart(run, 'harbour', version), `oci://${host}/team`]);
    await run(['registry', 'login', '--plain-http', '--username', name, '--password', password, host]);
    await push('5.0.0');
    await ageing.twentyMinutesPass();
    await push('5.1.0');
    expect(tokenAnswers(recorder.take())).toEqual(new Set([200]));
    const shown = await run(['show', 'chart', '--plain-http', `oci://${host}/team/harbour`]);
    expect(shown.stdout.toString('utf8')).toContain('version: 5.1.0');
    await run(['registry', 'logout', host]);
  },
);

function chartsUrl(name: string): string {
  return `oci://${new URL(registry.url).host}/${registry.repository(name)}`;
}

/** Writes a chart of one template and packs it. */
async function packChart(run: GoCommand, name: string, version: string): Promise<string> {
  const folder = scratch.folder(`charts/${version}/${name}`);
  mkdirSync(join(folder, 'templates'), { recursive: true });
  writeFileSync(join(folder, 'Chart.yaml'), `apiVersion: v2\nname: ${name}\nversion: ${version}\n`);
  writeFileSync(join(folder, 'templates', 'tides.yaml'), CONFIG_MAP);
  const packed = scratch.folder('packed');
  await run(['package', '--destination', packed, folder]);
  return join(packed, `${name}-${version}.tgz`);
}
