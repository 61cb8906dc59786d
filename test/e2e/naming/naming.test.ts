/**
 * docs/naming.md, sentence by sentence, each with the client that it is about. A test's name is what the page says in bold at the
 * start of a line of a list.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, type TestContext } from 'vitest';
import { requireClient } from '../clients/client.ts';
import { CommandFailure } from '../clients/command.ts';
import { startWorld, type Command, type NamingWorld } from './world.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'naming.md');
const DOCKER_HUB = 'registry-1.docker.io:443';
const LONGEST_NAME = 255;
const LONGEST_TAG = 128;

let world: NamingWorld;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.asked();
  world.outside.wanted();
  world.registriesConf('');
});

const docker = (context: TestContext): Command => requireClient(context, 'docker', world.docker);
const podman = (context: TestContext): Command => requireClient(context, 'podman', world.podman);

/** Pulls as people do with ctr: hosts.toml for each host in a folder. */
function ctr(context: TestContext, files: Readonly<Record<string, string>>): (reference: string) => Promise<unknown> {
  const run = requireClient(context, 'ctr', world.ctr);
  const hosts = world.hostsFolder(files);
  return (reference) => run('images', 'pull', '--hosts-dir', hosts, reference);
}

/** What a command says that must not succeed. */
async function refusal(command: Promise<unknown>): Promise<string> {
  try {
    await command;
  } catch (error) {
    if (error instanceof CommandFailure) return error.message;
    throw error;
  }
  throw new Error('it succeeded');
}

async function digestOf(run: Command, reference: string): Promise<string> {
  const { output } = await run('image', 'inspect', '--format', '{{index .RepoDigests 0}}', reference);
  return output.trim().split('@')[1] ?? '';
}

async function statusOf(name: string, tag = 'latest'): Promise<number> {
  const response = await fetch(`${world.url}/v2/${name}/manifests/${tag}`);
  await response.arrayBuffer();
  return response.status;
}

type Check = (context: TestContext) => Promise<void>;

const DOCKER: Readonly<Record<string, Check>> = {
  'A name of one part is `docker.io/library/NAME:latest`': async (context) => {
    const run = docker(context);
    const digest = await world.put('library/base', 'latest');
    await run('pull', 'base');
    expect(world.asked()[0]).toBe('library/base:latest');
    expect(await digestOf(run, 'docker.io/library/base:latest')).toBe(digest);
  },
  'A name of several parts is on Docker Hub as it stands': async (context) => {
    await world.put('somebody/app', 'latest');
    await docker(context)('pull', 'somebody/app');
    expect(world.asked()[0]).toBe('somebody/app:latest');
  },
  'No other registry has `library/` put in': async (context) => {
    await world.put('plain', 'latest');
    await docker(context)('pull', `${world.host}/plain`);
    expect(world.asked()[0]).toBe('plain:latest');
  },
  'A first part with a dot or a colon is a host': async (context) => {
    const run = docker(context);
    await refusal(run('pull', 'registry.invalid/app'));
    await refusal(run('pull', 'registry:5000/app'));
    expect(world.outside.wanted()).toEqual(expect.arrayContaining(['registry.invalid:443', 'registry:5000']));
    expect(world.asked()).toEqual([]);
  },
  '`localhost` is a host': async (context) => {
    const said = await refusal(docker(context)('pull', 'localhost/app'));
    expect(said).toMatch(/localhost/);
    expect(world.asked()).toEqual([]);
    expect(world.outside.wanted()).toEqual([]);
  },
  'All behind the host is the name, however many parts it has': async (context) => {
    const run = docker(context);
    const digest = await world.put('a/b/c/d/e/f', '1');
    await run('pull', `${world.host}/a/b/c/d/e/f:1`);
    expect(await digestOf(run, `${world.host}/a/b/c/d/e/f:1`)).toBe(digest);
    await run('tag', `${world.host}/a/b/c/d/e/f:1`, `${world.host}/registry/below/a/path:1`);
    await run('push', `${world.host}/registry/below/a/path:1`);
    expect(await statusOf('registry/below/a/path', '1')).toBe(200);
  },
  'Names are in lower case; a tag may have capitals': async (context) => {
    const run = docker(context);
    const digest = await world.put('lower', 'V1.0_Beta');
    await run('pull', `${world.host}/lower:V1.0_Beta`);
    expect(await digestOf(run, `${world.host}/lower:V1.0_Beta`)).toBe(digest);
    expect(await refusal(run('tag', `${world.host}/lower:V1.0_Beta`, `${world.host}/Lower`))).toContain(
      'must be lowercase',
    );
    expect(await statusOf('Lower')).toBe(400);
  },
  'Between letters and digits stand a dot, one or two underscores, or hyphens': async (context) => {
    const run = docker(context);
    const digest = await world.put('a.b_c__d-e---f/9', 'latest');
    await run('pull', `${world.host}/a.b_c__d-e---f/9`);
    expect(await digestOf(run, `${world.host}/a.b_c__d-e---f/9`)).toBe(digest);
    for (const name of ['a..b', 'a___b', '-a', 'a-', 'a//b', 'a._b']) {
      expect(await refusal(run('tag', `${world.host}/a.b_c__d-e---f/9`, `${world.host}/${name}`)), name).toContain(
        'invalid reference format',
      );
      expect([400, 404], name).toContain(await statusOf(name));
    }
  },
  'A name has at most 255 characters, and docker counts the host': async (context) => {
    const run = docker(context);
    const longest = 'a'.repeat(LONGEST_NAME);
    await world.put(longest, 'latest');
    expect(await statusOf(longest)).toBe(200);
    expect(await statusOf(`${longest}a`)).toBe(400);
    expect(await refusal(run('pull', `${world.host}/${longest}`))).toContain('must not be more than 255 characters');
    const withHost = 'b'.repeat(LONGEST_NAME - world.host.length - 1);
    await world.put(withHost, 'latest');
    await run('pull', `${world.host}/${withHost}`);
  },
  'A tag has at most 128 characters, and begins with neither a dot nor a hyphen': async (context) => {
    const run = docker(context);
    const longest = 't'.repeat(LONGEST_TAG);
    await world.put('tagged', longest);
    await run('pull', `${world.host}/tagged:${longest}`);
    for (const tag of [`${longest}t`, '.t', '-t']) {
      expect(await refusal(run('pull', `${world.host}/tagged:${tag}`)), tag).toContain('invalid reference format');
      expect(await statusOf('tagged', tag), tag).toBe(400);
    }
  },
  'A digest means the same bytes wherever the tag goes': async (context) => {
    const run = docker(context);
    const old = await world.put('moving', 'latest');
    expect(await world.put('moving', 'latest')).not.toBe(old);
    await run('pull', `${world.host}/moving@${old}`);
    expect(world.asked()[0]).toBe(`moving:${old}`);
  },
  'Beside a digest a tag counts for nothing': async (context) => {
    const digest = await world.put('both', 'latest');
    const reference = `${world.host}/both:no-such-tag@${digest}`;
    await docker(context)('pull', reference);
    expect(world.asked()[0]).toBe(`both:${digest}`);
    await podman(context)('pull', '--tls-verify=false', reference);
    expect(await refusal(world.skopeo('inspect', '--tls-verify=false', `docker://${reference}`))).toContain(
      'both a tag and digest',
    );
  },
  'To rename is to tag and to push, and no layer is sent again': async (context) => {
    const run = docker(context);
    await world.put('before', 'latest');
    await run('pull', `${world.host}/before`);
    await run('tag', `${world.host}/before`, `${world.host}/after/all:1`);
    const { output } = await run('push', `${world.host}/after/all:1`);
    expect(output).toContain('Mounted from before');
    expect(await statusOf('after/all', '1')).toBe(200);
    expect(await statusOf('before')).toBe(200);
  },
  '`registry-mirrors` stands in for Docker Hub and for no other registry': async (context) => {
    const run = docker(context);
    await world.put('library/mirrored', 'latest');
    await run('pull', 'docker.io/library/mirrored');
    expect(world.asked()[0]).toBe('library/mirrored:latest');
    expect(world.outside.wanted()).toEqual([]);
    await refusal(run('pull', 'registry.invalid/library/mirrored'));
    expect(world.asked()).toEqual([]);
    expect(world.outside.wanted()).toContain('registry.invalid:443');
  },
  "A mirror of docker's is a host without a path": async (context) => {
    docker(context);
    const words = [
      '--registry-mirror',
      `${world.url}/hub`,
      '--data-root',
      world.folder(),
      '--exec-root',
      world.folder(),
    ];
    expect(await refusal(world.dockerd(...words, '--host', `unix://${world.folder()}/d.sock`))).toContain(
      'invalid mirror: path, query, or fragment',
    );
  },
  'What the mirror lacks comes from Docker Hub': async (context) => {
    await refusal(docker(context)('pull', 'nobody-has-this'));
    expect(world.asked()[0]).toBe('library/nobody-has-this:latest');
    expect(world.outside.wanted()).toContain(DOCKER_HUB);
  },
  'A push never goes to a mirror': async (context) => {
    const run = docker(context);
    await world.put('kept', 'latest');
    await run('pull', `${world.host}/kept`);
    await run('tag', `${world.host}/kept`, 'somebody/pushed');
    world.asked();
    await refusal(run('push', 'somebody/pushed'));
    expect(world.asked()).toEqual([]);
    expect(world.outside.wanted()).toContain(DOCKER_HUB);
  },
};

const mirror = (capabilities: string, more = '', path = ''): string => `server = "https://registry.invalid"
[host."${world.url}${path}"]
  capabilities = [${capabilities}]
${more}
`;
const BOTH = '"pull", "resolve"';

const CONTAINERD: Readonly<Record<string, Check>> = {
  'containerd wants the whole name': async (context) => {
    await refusal(ctr(context, { 'docker.io': mirror(BOTH) })('base:latest'));
    expect(world.asked()).toEqual([]);
    await world.put('library/whole', 'latest');
    await ctr(context, { 'docker.io': mirror(BOTH) })('docker.io/library/whole:latest');
    expect(world.asked()).toContain('library/whole:latest');
  },
  '`hosts.toml` stands in for any host': async (context) => {
    await world.put('team/app', '1.0');
    await ctr(context, { 'registry.invalid': mirror(BOTH) })('registry.invalid/team/app:1.0');
    expect(world.asked()).toContain('team/app:1.0');
    expect(world.outside.wanted()).toEqual([]);
  },
  '`_default` stands in for every host that has no folder': async (context) => {
    await world.put('team/anywhere', '1.0');
    const file = `[host."${world.url}"]\n  capabilities = [${BOTH}]\n`;
    await ctr(context, { _default: file })('elsewhere.invalid/team/anywhere:1.0');
    expect(world.asked()).toContain('team/anywhere:1.0');
  },
  '`override_path` puts a path of yours before the name': async (context) => {
    await world.put('hub/library/below', 'latest');
    const file = mirror(BOTH, '  override_path = true', '/v2/hub');
    await ctr(context, { 'docker.io': file })('docker.io/library/below:latest');
    expect(world.asked()).toContain('hub/library/below:latest');
  },
  'Without `resolve` a mirror is asked for digests alone': async (context) => {
    const digest = await world.put('team/pinned', '1.0');
    const pull = ctr(context, { 'registry.invalid': mirror('"pull"') });
    await refusal(pull('registry.invalid/team/pinned:1.0'));
    expect(world.asked()).toEqual([]);
    expect(world.outside.wanted()).toContain('registry.invalid:443');
    await pull(`registry.invalid/team/pinned@${digest}`);
    expect(world.asked()).toContain(`team/pinned:${digest}`);
  },
};

const insecure = (): string => `[[registry]]\nlocation = "${world.host}"\ninsecure = true\n`;

const PODMAN: Readonly<Record<string, Check>> = {
  'A short name is looked for in the registries of `unqualified-search-registries`': async (context) => {
    await world.put('short', 'latest');
    world.registriesConf(`unqualified-search-registries = ["${world.host}"]\n${insecure()}`);
    await podman(context)('pull', 'short');
    expect(world.asked()).toContain('short:latest');
  },
  'An alias stands for one whole name': async (context) => {
    await world.put('team/long/name', 'latest');
    world.registriesConf(`${insecure()}[aliases]\n"nick" = "${world.host}/team/long/name"\n`);
    await podman(context)('pull', 'nick');
    expect(world.asked()).toContain('team/long/name:latest');
  },
  'A mirror may have a path, and stands in for any prefix': async (context) => {
    await world.put('hub/library/mirrored', 'latest');
    const mirrors = `[[registry.mirror]]\nlocation = "${world.host}/hub"\ninsecure = true\n`;
    world.registriesConf(`[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n${mirrors}`);
    await podman(context)('pull', 'docker.io/library/mirrored');
    expect(world.asked()).toContain('hub/library/mirrored:latest');
    expect(world.outside.wanted()).toEqual([]);
  },
  '`location` moves all names of a prefix, for pulls alone': async (context) => {
    const run = podman(context);
    await world.put('moved/here/app', 'latest');
    const moved = `[[registry]]\nprefix = "old.invalid/team"\nlocation = "${world.host}/moved/here"\ninsecure = true\n`;
    world.registriesConf(moved);
    await run('pull', 'old.invalid/team/app');
    expect(world.asked()).toContain('moved/here/app:latest');
    const folder = world.folder();
    await world.skopeo('copy', 'docker://old.invalid/team/app', `dir:${folder}`);
    expect(world.asked()).toContain('moved/here/app:latest');
    expect(world.outside.wanted()).toEqual([]);
    await refusal(world.skopeo('copy', `dir:${folder}`, 'docker://old.invalid/team/pushed:1'));
    expect(world.asked()).toEqual([]);
    expect(world.outside.wanted()).toContain('old.invalid:443');
  },
  'An image keeps its digest on its way through a folder': async () => {
    const digest = await world.put('carried', '1');
    const folder = world.folder();
    const options = ['--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
    await world.skopeo('copy', ...options, `docker://${world.host}/carried:1`, `dir:${folder}`);
    await world.skopeo('copy', ...options, `dir:${folder}`, `docker://${world.host}/far/away/carried:1`);
    const response = await fetch(`${world.url}/v2/far/away/carried/manifests/1`);
    expect(response.headers.get('docker-content-digest')).toBe(digest);
  },
};

const STATEMENTS = { ...DOCKER, ...CONTAINERD, ...PODMAN };

for (const [statement, check] of Object.entries(STATEMENTS)) it(statement, check);

it('tests each statement of the page, and no other', () => {
  const said = [...readFileSync(PAGE, 'utf8').matchAll(/^- \*\*(.+?)\.\*\*/gm)].map(([, statement]) => statement);
  expect(said.sort()).toEqual(Object.keys(STATEMENTS).sort());
});
