/**
 * Serves a Worker that the bench brings, as `npm start` serves Berth's: by Miniflare, on workerd's own socket
 * (standalone/runtime.ts). Only what a program that lives on needs is left out.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename } from 'node:path';
import { Log, LogLevel, Miniflare, type ModuleDefinition, type WorkerOptions } from 'miniflare';

const HOST = '127.0.0.1';

interface BareWorker {
  /** The Worker's files, in TypeScript and in one folder; the first one is its entry. */
  readonly files: readonly string[];
  /** Where its objects and buckets lie. */
  readonly state: string;
  /** Where workerd listens; 0 takes a free one. */
  readonly port: number;
  readonly bindings: Partial<WorkerOptions>;
}

interface ServedWorker {
  readonly port: number;
  stop(): Promise<void>;
}

export async function serveBareWorker({ files, state, port, bindings }: BareWorker): Promise<ServedWorker> {
  const miniflare = new Miniflare({
    // Otherwise Miniflare asks the internet what `request.cf` looks like.
    cf: false,
    log: new Log(LogLevel.WARN),
    logRequests: false,
    defaultPersistRoot: state,
    workers: [
      {
        ...bindings,
        name: 'floor',
        compatibilityDate: '2026-07-15',
        compatibilityFlags: ['nodejs_compat'],
        modules: files.map(moduleOf),
        unsafeDirectSockets: [{ host: HOST, port }],
      },
    ],
  });
  await miniflare.ready;
  return { port: Number((await miniflare.unsafeGetDirectURL()).port), stop: () => miniflare.dispose() };
}

/** Named as it is imported by the others. */
function moduleOf(file: string): ModuleDefinition {
  return { type: 'ESModule', path: basename(file), contents: stripTypeScriptTypes(readFileSync(file, 'utf8')) };
}
