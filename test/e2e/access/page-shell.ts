/**
 * A shell in which somebody types what a page of the documentation says, block after block: variables and functions stay, and
 * a command that fails is told.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const END = '::end of the block ';

interface Played {
  /** The first command that failed. */
  readonly failed: string | undefined;
  /** Both streams. */
  readonly output: string;
}

export class PageShell {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #folder: string;
  #blocks = 0;

  /** @param prelude what is defined before the first block */
  constructor(folder: string, environment: Readonly<Record<string, string>>, prelude: string) {
    this.#folder = folder;
    this.#child = spawn('bash', ['--noprofile', '--norc'], {
      cwd: folder,
      env: { ...environment },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    if (this.#child.stdout === null) throw new Error('the output is not piped');
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#type(`exec 2>&1\nset -o pipefail\n${prelude}`);
  }

  /** A block's commands read nothing: what a person would be asked for, the prelude has to answer. */
  async play(text: string): Promise<Played> {
    const file = join(this.#folder, `.block-${String((this.#blocks += 1))}`);
    writeFileSync(file, text);
    const output: string[] = [];
    const ended = new Promise<string>((resolve, reject) => {
      const hear = (line: string): void => {
        if (!line.startsWith(END)) {
          output.push(line);
          return;
        }
        this.#lines.off('line', hear);
        this.#child.off('exit', end);
        resolve(line.slice(END.length));
      };
      const end = (): void => {
        reject(new Error(`the shell has ended:\n${output.join('\n')}`));
      };
      this.#lines.on('line', hear);
      this.#child.once('exit', end);
    });
    this.#type(`failed=; trap 'failed=\${failed:-$BASH_COMMAND}' ERR; . ${file} < /dev/null; trap - ERR`);
    this.#type(`printf '\\n%s%s\\n' '${END}' "\${failed%%$'\\n'*}"`);
    const failed = await ended;
    return { failed: failed === '' ? undefined : failed, output: output.join('\n') };
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  #type(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }
}
