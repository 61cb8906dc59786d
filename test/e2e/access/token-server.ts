/**
 * A token server of the tests' own, as people run one beside distribution (distribution, "Token Authentication Specification"
 * and "OAuth2 Token Specification"): its key and a certificate of it, people with passwords, and what each of them may do.
 */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keysOfCertificates } from '../../../src/auth/trusted-key.ts';
import type { Access } from '../../outside-issuer.ts';

export const SERVICE = 'registry.test';
export const ISSUER = 'Test token server';

const HOST = '127.0.0.1';
const LIFETIME_SECONDS = 300;
const SECOND_MS = 1_000;

/** What somebody may do: repositories begin with this. */
interface Grant {
  readonly prefix: string;
  readonly actions: readonly string[];
}

interface User {
  readonly password: string;
  readonly grants: readonly Grant[];
}

export interface Person {
  readonly name: string;
  readonly password: string;
}

export const ALICE: Person = { name: 'alice', password: 'wonderland' };
export const READER: Person = { name: 'reader', password: 'glasses' };
const PUBLIC: Grant = { prefix: 'public/', actions: ['pull'] };
const USERS: ReadonlyMap<string, User> = new Map([
  [
    ALICE.name,
    {
      password: ALICE.password,
      grants: [
        { prefix: 'team/', actions: ['pull', 'push', 'delete'] },
        { prefix: 'public/', actions: ['pull', 'push'] },
      ],
    },
  ],
  [READER.name, { password: READER.password, grants: [{ prefix: 'team/', actions: ['pull'] }, PUBLIC] }],
]);

export interface TokenParts {
  readonly sub?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export class TokenServer {
  readonly url: string;
  /** PEM, for `rootcertbundle` and `certificates`. */
  readonly certificate: string;
  /** By libtrust's reckoning, which distribution compares with its own. */
  readonly fingerprint: string;
  /** Every way in which a token was asked for, oldest first: `GET alice repository:team/app:pull`. */
  readonly asked: string[] = [];
  readonly #key: KeyObject;
  readonly #server: Server;

  private constructor(server: Server, port: number, { key, certificate }: { key: string; certificate: string }) {
    this.#server = server;
    // By name: crane goes to no realm at a private address.
    this.url = `http://localhost:${String(port)}`;
    this.certificate = certificate;
    this.#key = createPrivateKey(key);
    const [known] = keysOfCertificates(certificate) ?? [];
    if (known?.ok !== true) throw new Error('the certificate has no key');
    this.fingerprint = known.key.ids.at(-1) ?? '';
  }

  static async start(): Promise<TokenServer> {
    const keys = selfSigned();
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port is free');
    const made = new TokenServer(server, address.port, keys);
    server.on('request', (request, response) => {
      made.#answer(request).then(
        ({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        },
        () => response.writeHead(500).end(),
      );
    });
    return made;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** As BERTH_TOKEN_SERVER has it. */
  document(changes: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({
      realm: `${this.url}/token`,
      service: SERVICE,
      issuer: ISSUER,
      certificates: this.certificate,
      algorithms: ['RS256'],
      ...changes,
    });
  }

  /** Made by hand, and not by what verifies it. */
  token(access: readonly Access[], { sub = ALICE.name, claims, header }: TokenParts = {}): string {
    const now = Math.floor(Date.now() / SECOND_MS);
    const parts = [
      { typ: 'JWT', alg: 'RS256', kid: this.fingerprint, ...header },
      {
        ...{ iss: ISSUER, sub, aud: SERVICE, exp: now + LIFETIME_SECONDS, nbf: now - 10, iat: now },
        ...{ jti: crypto.randomUUID(), access, ...claims },
      },
    ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    const signed = parts.join('.');
    return `${signed}.${sign('sha256', Buffer.from(signed), this.#key).toString('base64url')}`;
  }

  /** The certificate as a token carries one. */
  get x5c(): readonly string[] {
    return [this.certificate.replaceAll(/-----[^-]+-----|\s/g, '')];
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const url = new URL(request.url ?? '/', this.url);
    const form = request.method === 'POST' ? new URLSearchParams(await textOf(request)) : url.searchParams;
    const given = request.method === 'POST' ? personOf(form) : basicOf(request);
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' ').filter(Boolean));
    this.asked.push([request.method, given?.name ?? '-', ...scopes].join(' '));
    if (form.get('service') !== SERVICE) return { status: 400, body: refused('another service') };
    const user = given === undefined ? undefined : USERS.get(given.name);
    if (given !== undefined && user?.password !== given.password) {
      return { status: 401, body: refused('the token server does not know this name and password') };
    }
    const token = this.token(granted(scopes, user?.grants ?? [PUBLIC]), { sub: given?.name ?? '' });
    return { status: 200, body: { token, access_token: token, expires_in: LIFETIME_SECONDS } };
  }
}

function refused(message: string): unknown {
  return { errors: [{ code: 'UNAUTHORIZED', message }], details: message };
}

function granted(scopes: readonly string[], grants: readonly Grant[]): Access[] {
  return scopes.flatMap((scope) => {
    const [, type = '', name = '', asked = ''] = /^([a-z]+):(.+):([a-z,*]+)$/.exec(scope) ?? [];
    const allowed = grants.filter(({ prefix }) => name.startsWith(prefix)).flatMap(({ actions }) => actions);
    const actions = asked.split(',').filter((action) => allowed.includes(action));
    return actions.length === 0 ? [] : [{ type, name, actions }];
  });
}

function basicOf({ headers }: IncomingMessage): Person | undefined {
  const [, encoded] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function personOf(form: URLSearchParams): Person | undefined {
  const name = form.get('username');
  return name === null || name === '' ? undefined : { name, password: form.get('password') ?? '' };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}

/** As docs/token-server.md has one made. */
function selfSigned(): { key: string; certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-token-server-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=token server'],
        ...['-keyout', key, '-out', certificate],
      ],
      { stdio: 'pipe' },
    );
    return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
