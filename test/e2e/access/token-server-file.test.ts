/** `npm start -- --token-server FILE`, as docs/token-server.md has it made. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repository } from '../../outside-issuer.ts';
import { refusal, run } from '../berths.ts';
import { TokenServer } from './token-server.ts';

const PAGE = join(import.meta.dirname, '..', '..', '..', 'docs', 'token-server.md');
const Serving = v.looseObject({ event: v.literal('serving'), url: v.string() });

let folder: string;
let server: TokenServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-token-server-'));
  server = await TokenServer.start();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** What the page says to type, in a folder with the certificate. */
function made(): string {
  const [, command = ''] = /```sh\n(node -e [\s\S]*?> token-server\.json)\n/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  writeFileSync(join(folder, 'certificate.pem'), server.certificate);
  execFileSync('sh', ['-c', command], { cwd: folder });
  return join(folder, 'token-server.json');
}

const words = (...more: string[]): string[] => ['--port', '0', '--data', join(folder, 'data'), ...more];

test('tokens of the server that the file names open the registry, and nothing else does', async () => {
  const berth = run({ words: words('--token-server', made()) });
  const { url } = v.parse(Serving, await berth.waitFor((line) => v.is(Serving, line), { limitMs: 90_000, from: 0 }));
  const refused = await fetch(`${url}/v2/`);
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer realm="https://auth.example.org/token",service="registry.example.org"',
  ]);
  const claims = { iss: 'auth.example.org', aud: 'registry.example.org' };
  const token = server.token([repository('team/app', 'pull', 'push')], { claims });
  const opened = async (path: string, bearer: string) =>
    (await fetch(`${url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${bearer}` } })).status;
  expect(await opened('/v2/team/app/blobs/uploads/', token)).toBe(202);
  expect(await opened('/v2/other/app/blobs/uploads/', token)).toBe(401);
  expect(await opened('/v2/team/app/blobs/uploads/', server.token([repository('team/app', '*')]))).toBe(401);
  expect(berth.output.join('\n')).not.toContain(token);
});

test('a mistake ends the start with code 2 and one line', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, server.document({ algorithms: ['HS256'] }));
  expect(await refusal({ words: words('--token-server', file) })).toEqual({
    code: 2,
    said: [expect.stringContaining(`token-server ${file}: algorithms[0] must be one of RS256`)],
  });
});

test('what would let somebody in beside its tokens ends the start with code 2 and one line', async () => {
  const file = join(folder, 'right.json');
  writeFileSync(file, server.document());
  const { code, said } = await refusal({
    words: words('--token-server', file),
    environment: { BERTH_ANONYMOUS: 'read' },
  });
  expect(code).toBe(2);
  expect(said).toEqual([expect.stringContaining('BERTH_ANONYMOUS (read) and --token-server both say')]);
});
