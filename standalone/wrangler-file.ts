/**
 * What wrangler.toml says that settings have to do with: its variables, which are below every other way to give a setting, and
 * the names of the Worker's bindings, which no variable may have. All else in it is wrangler's business (build-worker.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { OWN_BINDINGS } from './own-bindings.ts';
import { systemErrorCode } from './start-failure.ts';

export const WRANGLER_FILE = 'wrangler.toml';

export interface WranglerFile {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly bindings: readonly string[];
}

const binding = v.object({ binding: v.string() });
const named = v.object({ name: v.string() });
const Known = v.object({
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  r2_buckets: v.optional(v.array(binding), []),
  durable_objects: v.optional(v.object({ bindings: v.optional(v.array(named), []) }), {}),
  queues: v.optional(v.object({ producers: v.optional(v.array(binding), []) }), {}),
  services: v.optional(v.array(binding), []),
  ratelimits: v.optional(v.array(named), []),
  version_metadata: v.optional(binding),
});

/** Of a file that is none, nothing: the build tells why. */
export function readWranglerFile(root: string): WranglerFile {
  const parsed = v.safeParse(Known, tableOf(join(root, WRANGLER_FILE)));
  if (!parsed.success) return { variables: {}, bindings: OWN_BINDINGS };
  const { vars, r2_buckets, durable_objects, queues, services, ratelimits, version_metadata } = parsed.output;
  const bound = [
    ...r2_buckets,
    ...queues.producers,
    ...services,
    ...(version_metadata === undefined ? [] : [version_metadata]),
  ];
  return {
    variables: vars,
    bindings: [
      ...OWN_BINDINGS,
      ...bound.map((one) => one.binding),
      ...[...durable_objects.bindings, ...ratelimits].map(({ name }) => name),
    ],
  };
}

function tableOf(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof TomlError || systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}
