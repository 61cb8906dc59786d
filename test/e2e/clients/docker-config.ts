/**
 * Files of credentials in docker's form (`config.json`, key `auths`). docker, crane, oras and helm keep theirs in docker's own
 * file; podman, buildah and skopeo read it, and keep theirs in another one of the same form.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { Password, RefreshToken } from './client.ts';
import type { Scratch } from './scratch.ts';

const Entry = v.looseObject({ auth: v.optional(v.string()), identitytoken: v.optional(v.string()) });
const Config = v.looseObject({ auths: v.optional(v.record(v.string(), Entry), {}) });

/** docker's file, in the home of a scratch folder. */
export function dockerConfig({ path }: Scratch): string {
  return join(path, 'home', '.docker', 'config.json');
}

/** What podman, buildah and skopeo write at a login, where there is an XDG_RUNTIME_DIR. */
export function containersConfig({ path }: Scratch): string {
  return join(path, 'run', 'containers', 'auth.json');
}

/** What a file keeps for a host, or for a repository (`host/repository`). */
export function keptFor(file: string, key: string): v.InferOutput<typeof Entry> | undefined {
  return read(file).auths[key];
}

/** As `docker login` leaves it: the name without a password, and the token beside it. */
export function keepRefreshToken(file: string, key: string, { name, token }: RefreshToken): void {
  keep(file, key, { auth: encoded(name, ''), identitytoken: token });
}

export function keepPassword(file: string, key: string, { name, password }: Password): void {
  keep(file, key, { auth: encoded(name, password) });
}

function keep(file: string, key: string, entry: v.InferOutput<typeof Entry>): void {
  const config = read(file);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...config, auths: { ...config.auths, [key]: entry } }), { mode: 0o600 });
}

function read(file: string): v.InferOutput<typeof Config> {
  return v.parse(Config, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
}

function encoded(name: string, password: string): string {
  return Buffer.from(`${name}:${password}`).toString('base64');
}
