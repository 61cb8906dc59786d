/** A real nginx with deploy/nginx/berth.conf, word for word but for its ports and paths, as docs/nginx.md has it set up. */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../../bench/free-port.ts';
import { detectProgram, unavailable, type Availability } from '../clients/client.ts';
import { runCommand } from '../clients/command.ts';
import { DaemonStartFailure, startDaemon } from '../clients/daemon.ts';
import type { Scratch } from '../clients/scratch.ts';

const DOCUMENTED = join(import.meta.dirname, '..', '..', '..', 'deploy', 'nginx', 'berth.conf');

export interface Nginx {
  /** `host:port`, as it stands in the names of images. */
  readonly host: string;
  /** Its own folder; what it buffers lies below `temporary`. */
  readonly folder: string;
  /** What it wrote of each request. */
  accessLog(): string;
  stop(): Promise<void>;
}

export interface NginxSettings {
  /** Berth's. */
  readonly port: number;
  readonly secret: string;
  /** Names and passwords. */
  readonly people: Readonly<Record<string, string>>;
}

export async function startNginx(scratch: Scratch, settings: NginxSettings): Promise<Availability<Nginx>> {
  const program = await detectProgram('nginx', scratch);
  if (program.kind === 'unavailable') return program;
  const folder = scratch.folder('nginx');
  const port = await freePort();
  await writeFiles(scratch, folder, port, settings);
  try {
    const words = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
    const daemon = await startDaemon('nginx', words, scratch.env, () => listens(port));
    const value = {
      host: `127.0.0.1:${String(port)}`,
      folder,
      accessLog: () => readFileSync(join(folder, 'access.log'), 'utf8'),
      stop: () => daemon.stop(),
    };
    return { kind: 'available', value };
  } catch (error) {
    if (error instanceof DaemonStartFailure) return unavailable('nginx does not start', error);
    throw error;
  }
}

async function writeFiles(
  scratch: Scratch,
  folder: string,
  port: number,
  { port: berth, secret, people }: NginxSettings,
): Promise<void> {
  const file = (name: string, content: string): void => {
    writeFileSync(join(folder, name), content);
  };
  await runCommand(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', join(folder, 'registry.key'), '-out', join(folder, 'registry.crt')],
    ],
    { env: scratch.env },
  );
  file(
    'users',
    Object.entries(people)
      .map(([name, password]) => `${name}:{PLAIN}${password}\n`)
      .join(''),
  );
  file('secret.conf', `proxy_set_header X-Berth-Proxy-Secret "${secret}";\n`);
  const temporary = scratch.folder('nginx/temporary');
  file(
    'berth.conf',
    substituted(readFileSync(DOCUMENTED, 'utf8'), {
      'server 127.0.0.1:8787;': `server 127.0.0.1:${String(berth)};`,
      'listen 443 ssl;': `listen 127.0.0.1:${String(port)} ssl;`,
      '/etc/nginx/berth/': `${folder}/`,
    }),
  );
  // Its workers read the list of people, which nobody else may where tests run as root.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const buffers = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${temporary}/${kind};`,
  );
  file(
    'nginx.conf',
    `${user} worker_processes 1; pid ${folder}/pid; error_log stderr;
     events {} http { access_log ${folder}/access.log; ${buffers.join(' ')} include ${folder}/berth.conf; }`,
  );
}

/** Each of these has to be there: a file that says something else is not the documented one. */
function substituted(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`deploy/nginx/berth.conf has no ${from}`);
    return changed.replaceAll(from, to);
  }, text);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
