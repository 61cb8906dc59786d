/** The receiver of examples/deploy-on-push, as its README starts it, with a store of podman's own, and what it runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { detectProgram, unavailable, type Availability } from '../clients/client.ts';
import { CommandFailure, runCommand } from '../clients/command.ts';
import type { Scratch } from '../clients/scratch.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const LINE_LIMIT_MS = 60_000;
/** Within a container an engine may not raise what the machine allows. */
const RUN_OPTIONS = ['--network=host', '--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];

const Line = v.looseObject({ event: v.string() });
export type Line = v.InferOutput<typeof Line>;

/** podman's words that run a container on this machine, or why none does. `context` is what a first image is built of. */
export async function runningPodman(scratch: Scratch, context: string): Promise<Availability<readonly string[]>> {
  const found = await detectProgram('podman', scratch);
  if (found.kind === 'unavailable') return found;
  const folder = scratch.folder('served');
  const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver=vfs'];
  const settings = ['--cgroup-manager=cgroupfs', '--events-backend=none', '--tmpdir', join(folder, 'tmp')];
  let reason = new Error('it was not tried');
  // crun knows no mixture of the two versions of cgroups; runc does.
  for (const runtime of [[], ['--runtime=runc']]) {
    const engine = ['podman', ...runtime, ...store, ...settings];
    const run = (...words: string[]) =>
      runCommand('podman', [...engine.slice(1), ...words], { env: { ...scratch.env, BUILDAH_ISOLATION: 'chroot' } });
    try {
      await run('build', '--quiet', '--tag', 'probe', context);
      await run('run', '--rm', ...RUN_OPTIONS, '--entrypoint', '["/bin/sh", "-c", "exit 0"]', 'probe');
      return { kind: 'available', value: engine };
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      reason = error;
    }
  }
  return unavailable('podman can run no container on this machine', reason);
}

/** A folder to build from: this machine's own shell, which is all that the image has, and what it does. */
export async function shellContext(scratch: Scratch, name: string, script: string): Promise<string> {
  const folder = scratch.folder(`context-${name}`);
  const { stdout } = await runCommand('ldd', ['/bin/sh', '/bin/sleep'], { env: scratch.env });
  const libraries = [...stdout.toString('utf8').matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  for (const path of new Set(['/bin/sh', '/bin/sleep', ...libraries])) {
    mkdirSync(join(folder, 'root', dirname(path)), { recursive: true });
    copyFileSync(path, join(folder, 'root', path));
  }
  const words = JSON.stringify(['/bin/sh', '-c', script]);
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\nCOPY root/ /\nENTRYPOINT ${words}\n`);
  return folder;
}

export interface ServiceOptions {
  readonly engine: readonly string[];
  readonly registry: string;
  readonly repository: string;
  readonly secret: string;
  /** More settings of the receiver. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs until `stop`. */
export class DeployedService {
  readonly lines: Line[] = [];
  readonly errors: string[] = [];
  readonly #child: ChildProcess;
  readonly #news = new EventEmitter().setMaxListeners(0);
  readonly #scratch: Scratch;
  readonly #options: ServiceOptions;

  private constructor(scratch: Scratch, options: ServiceOptions) {
    this.#scratch = scratch;
    this.#options = options;
    const { engine, registry, repository, secret, environment = {} } = options;
    const receiver = join(ROOT, 'examples', 'deploy-on-push', 'receiver.ts');
    this.#child = spawn(process.execPath, [receiver], {
      cwd: scratch.folder('service'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...scratch.env,
        DEPLOY_WEBHOOK_SECRET: secret,
        DEPLOY_REGISTRY: registry,
        DEPLOY_REPOSITORY: repository,
        DEPLOY_PORT: '0',
        DEPLOY_ENGINE: engine.join(' '),
        DEPLOY_PULL_OPTIONS: '--tls-verify=false',
        DEPLOY_RUN_OPTIONS: RUN_OPTIONS.join(' '),
        ...environment,
      },
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the output is not piped');
    createInterface({ input: stdout }).on('line', (text) => {
      this.lines.push(v.parse(Line, JSON.parse(text)));
      this.#news.emit('line');
    });
    createInterface({ input: stderr }).on('line', (text) => this.errors.push(text));
    this.#child.on('close', () => this.#news.emit('line'));
  }

  /** Fulfilled when it listens. */
  static async start(scratch: Scratch, options: ServiceOptions): Promise<DeployedService> {
    const service = new DeployedService(scratch, options);
    await service.line('listening');
    return service;
  }

  get url(): string {
    return v.parse(v.string(), this.lines.find(({ event }) => event === 'listening')?.['url']);
  }

  /** The first line of that event which has these fields. */
  async line(event: string, fields: Readonly<Record<string, unknown>> = {}): Promise<Line> {
    const signal = AbortSignal.timeout(LINE_LIMIT_MS);
    for (;;) {
      const found = this.lines.find(
        (line) => line.event === event && Object.entries(fields).every(([key, value]) => line[key] === value),
      );
      if (found !== undefined) return found;
      const said = (): string => [...this.lines.map((line) => JSON.stringify(line)), ...this.errors].join('\n');
      if (this.#child.exitCode !== null) throw new Error(`it ended before "${event}":\n${said()}`);
      await once(this.#news, 'line', { signal }).catch((cause: unknown) => {
        throw new Error(`"${event}" never came; there were:\n${said()}`, { cause });
      });
    }
  }

  /** What the containers that run have printed. */
  async running(): Promise<string[]> {
    const names = (await this.podman('ps', '--format', '{{.Names}}')).split('\n').filter(Boolean);
    return Promise.all(names.map(async (name) => (await this.podman('logs', name)).trim()));
  }

  async podman(...words: string[]): Promise<string> {
    const [program = '', ...options] = this.#options.engine;
    return (await runCommand(program, [...options, ...words], { env: this.#scratch.env })).stdout.toString('utf8');
  }

  /** SIGKILL: as in a crash. Its containers go on. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }

  async removeContainers(): Promise<void> {
    await this.podman('rm', '--all', '--force');
  }
}
