/**
 * Run as a program of its own: Miniflare's options as JSON on stdin, workerd's configuration for them on stdout, what
 * Miniflare warns of on stderr. Miniflare takes 75 MB, and starting workerd is all that Berth needs of it: the serving
 * process starts workerd by itself (workerd-processes.ts), as often as it dies, with what this program wrote once.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { Log, LogLevel, Miniflare } from 'miniflare';
import type { MiniflareOptions } from 'miniflare';
import * as v from 'valibot';
import { withoutCfHeader } from './cf-header.ts';

/** Miniflare checks all of it. */
const Options = v.custom<MiniflareOptions>((value) => v.is(v.looseObject({ workers: v.array(v.unknown()) }), value));

/** Miniflare deletes its own, of this prefix, with this process. */
const TEMPORARY = join(tmpdir(), 'miniflare-');

class Warnings extends Log {
  constructor() {
    super(LogLevel.WARN);
  }

  override logWithLevel(level: LogLevel, message: string): void {
    if (level <= this.level) console.error(message.split('\n', 1)[0]);
  }
}

// A signal that reaches everybody is the serving process's to act on, and this one is at its end in a moment.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

const options = v.parse(v.pipe(v.string(), v.parseJson(), Options), await text(process.stdin));
process.env['MINIFLARE_WORKERD_PATH'] = join(import.meta.dirname, 'workerd-config.sh');
try {
  const config = await configuration(options);
  if (config.includes(TEMPORARY))
    throw new Error('wrangler.toml asks for something that Miniflare keeps in a temporary directory of its own');
  process.stdout.write(withoutCfHeader(config), () => process.exit(0));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

function configuration(options: MiniflareOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let wasAsked = false;
    const handleRuntimeStdio = (stdout: Readable): void => {
      wasAsked = true;
      buffer(stdout).then(resolve, reject);
    };
    const miniflare = new Miniflare({ ...options, log: new Warnings(), handleRuntimeStdio });
    // Once it was asked, what fails is only that nothing serves.
    miniflare.ready.catch((error: unknown) => {
      if (!wasAsked) reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
