/**
 * A registry under measurement, whichever it is: started alike, asked alike whether it serves, ended alike. What it prints
 * goes to a file, as under a service manager, so that nobody who measures spends time on reading it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { freePort } from '../free-port.ts';
import { HttpConnection, type Port } from '../http-client.ts';
import { deleteFolder } from '../workspace.ts';
import { gone, processesOf, signalGroup } from './process-group.ts';

/** A first start builds the Worker, on a machine that may be busy. */
const START_LIMIT_MS = 90_000;
const POLL_MS = 20;
/** Of its log, where something went wrong. */
const LAST_LINES = 10;
const LINE_CHARACTERS = 300;

/** How one kind of registry is started. */
export interface ServerKind {
  readonly name: string;
  readonly version: string;
  /** It leaves a TLS hello unanswered, for ten seconds of every client that begins with one, as skopeo does. */
  readonly silentToTls?: boolean;
  /** Who has signed its certificate, in PEM. Without one it speaks plain HTTP. */
  readonly authority?: string;
  /** @param folder exists, and is all that the server writes to. */
  command(folder: string, port: number): { readonly words: readonly string[]; readonly environment: NodeJS.ProcessEnv };
}

export class Server {
  readonly name: string;
  readonly silentToTls: boolean;
  readonly port: number;
  /** How a client connects to it. */
  readonly address: Port;
  /** All that it keeps. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #group: number;
  readonly #log: string;
  readonly #ended: Promise<unknown>;

  private constructor(kind: ServerKind, folder: string, port: number) {
    this.name = kind.name;
    this.silentToTls = kind.silentToTls ?? false;
    this.port = port;
    this.address = kind.authority === undefined ? port : { port, authority: kind.authority };
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#log = join(folder, 'server.log');
    const { words, environment } = kind.command(folder, port);
    const [command = '', ...rest] = words;
    const output = openSync(this.#log, 'a');
    // A group of its own, so that nothing that it starts can be overlooked.
    this.#child = spawn(command, rest, { detached: true, env: environment, stdio: ['ignore', output, output] });
    closeSync(output);
    this.#ended = once(this.#child, 'exit');
    // Whoever waits for it hears of an error; nobody has to.
    this.#ended.catch(() => undefined);
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${command} can't be run: is it installed? docs/performance.md says how.`);
    this.#group = pid;
    GROUPS.add(pid);
  }

  static async start(kind: ServerKind, folder: string): Promise<Server> {
    const server = new Server(kind, folder, await freePort());
    try {
      await server.#serves();
    } catch (error) {
      await server.discard();
      throw error;
    }
    return server;
  }

  get pids(): number[] {
    return processesOf(this.#group);
  }

  get logBytes(): number {
    return statSync(this.#log).size;
  }

  /** What it has logged as JSON from a place in the log on; a line that is not yet complete is not among it. */
  logFrom(offset: number): unknown[] {
    const text = readFileSync(this.#log).subarray(offset).toString();
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .map((line) => v.safeParse(JsonLine, line))
      .filter(({ success }) => success)
      .map(({ output }) => output);
  }

  lastWords(): string {
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n');
    return `The last that ${this.name} said:\n${lines
      .slice(-LAST_LINES)
      .map((line) => line.slice(0, LINE_CHARACTERS))
      .join('\n')}\n`;
  }

  /** As it is asked to end. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
    await gone(this.#group);
    GROUPS.delete(this.#group);
  }

  /** Stops it, and deletes all that it kept. */
  async discard(): Promise<void> {
    await this.stop();
    deleteFolder(this.folder);
  }

  async #serves(): Promise<void> {
    const ended = this.#ended.then(() => 'ended' as const);
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      const answer = await Promise.race([ended, statusOf(this.address).catch(() => undefined)]);
      if (answer === 'ended' || Date.now() > deadline)
        throw new Error(`${this.name} does not serve. ${this.lastWords()}`);
      // 401: it serves, and asks who comes.
      if (answer === 200 || answer === 401) return;
      await delay(POLL_MS);
    }
  }
}

/** Of what a client asks first (end-1). */
async function statusOf(port: Port): Promise<number> {
  const connection = await HttpConnection.open(port);
  try {
    return (await connection.call({ method: 'GET', path: '/v2/' })).status;
  } finally {
    connection.close();
  }
}

const JsonLine = v.pipe(v.string(), v.startsWith('{'), v.parseJson());

const GROUPS = new Set<number>();
process.once('exit', () => {
  for (const group of GROUPS) signalGroup(group, 'SIGKILL');
});

/**
 * Starts one of each kind in a folder of its own, and ends them whatever becomes of `use`.
 *
 * @param keepsData whether the folders stay, for another run
 */
export async function withServers<T>(
  kinds: readonly ServerKind[],
  workspace: string,
  use: (servers: readonly Server[]) => Promise<T>,
  { keepsData = false }: { readonly keepsData?: boolean } = {},
): Promise<T> {
  const servers: Server[] = [];
  try {
    for (const [index, kind] of kinds.entries()) {
      servers.push(await Server.start(kind, join(workspace, `${index}-${kind.name}`)));
    }
    return await use(servers);
  } catch (error) {
    for (const server of servers) console.error(server.lastWords());
    throw error;
  } finally {
    for (const server of servers) await (keepsData ? server.stop() : server.discard());
  }
}
