/** docs/token-server.md against the code: every key of the document, the algorithms, a mistake as it is told, the limits. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LONGEST_TOKEN_SERVER_CHARACTERS, parseTokenServer } from '../../../src/auth/token-server-document.ts';
import { ALGORITHMS } from '../../../src/auth/trusted-key.ts';
import { OutsideIssuer } from '../../outside-issuer.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/token-server.md');
const code = read('src/auth/token-server-document.ts');

it('has a row for every key of the document', () => {
  const [, body = ''] = /const DocumentSchema = v\.strictObject\(\{\n([\s\S]*?)\n\}\);/.exec(code) ?? [];
  const keys = [...body.matchAll(/^ {2}(\w+)[:,]/gm)].map(([, key = '']) => key);
  expect(keys.length).toBeGreaterThanOrEqual(8);
  for (const key of keys) expect(page).toMatch(new RegExp(`^\\| .*\\| \`${key}\` \\|`, 'm'));
});

it('names every algorithm', () => {
  for (const algorithm of ALGORITHMS) expect(page).toContain(`\`${algorithm}\``);
});

it('shows a mistake as it is told', async () => {
  const issuer = await OutsideIssuer.make();
  const result = parseTokenServer(issuer.document({ jwks: { keys: [{ ...issuer.jwk, d: 'x' }] } }));
  if (result.ok) throw new Error('it was none');
  expect(page).toContain(`BERTH_TOKEN_SERVER is no token server: ${result.mistakes.join('; ')}`);
});

it('has the limits', () => {
  expect(page).toContain(`${LONGEST_TOKEN_SERVER_CHARACTERS.toLocaleString('en')} characters`);
  expect(code).toContain('MOST_KEYS = 50;');
  expect(page).toContain('50 of a set, 50 certificates');
  const keys = read('src/auth/trusted-key.ts');
  expect(keys).toContain('SHORTEST_RSA_BITS = 2_048;');
  expect(keys).toContain('LONGEST_RSA_BITS = 8_192;');
  expect(page).toContain('2048 to 8192 bits');
});
