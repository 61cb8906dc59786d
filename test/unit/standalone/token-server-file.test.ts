/** `npm start -- --token-server FILE`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LONGEST_TOKEN_SERVER_CHARACTERS } from '../../../src/auth/token-server-document.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';
import { withTokenServerOf } from '../../../standalone/token-server-file.ts';
import { OutsideIssuer } from '../../outside-issuer.ts';

const scratch = mkdtempSync(join(tmpdir(), 'berth-token-server-'));
const document = (await OutsideIssuer.make()).document();
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function file(content: string): string {
  const path = join(scratch, `${crypto.randomUUID()}.json`);
  writeFileSync(path, content);
  return path;
}

/** The exit code and the line with which a start ends. */
function refusal(path: string, environment = {}): [number, string] | undefined {
  try {
    withTokenServerOf(path, environment);
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return [error.exitCode, error.message];
    throw error;
  }
}

test('what is in the file is as if the setting had been given', () => {
  expect(withTokenServerOf(file(document), { PATH: '/bin', BERTH_TOKEN_SERVER: '' })).toEqual({
    PATH: '/bin',
    BERTH_TOKEN_SERVER: document,
  });
  expect(withTokenServerOf(undefined, { PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

test('a mistake is one line with its path and reason', () => {
  const path = file(JSON.stringify({ ...JSON.parse(document), algorithm: 'ES256' }));
  expect(refusal(path)).toEqual([
    2,
    `--token-server ${path} is no token server: algorithm: is not known here; docs/token-server.md has every key`,
  ]);
});

test('a file that is not there, is a directory or is far too large is named', () => {
  expect(refusal(join(scratch, 'none.json'))).toEqual([2, expect.stringContaining('(ENOENT)')]);
  expect(refusal(scratch)).toEqual([2, expect.stringContaining("can't be read (EISDIR)")]);
  expect(refusal(file(' '.repeat(4 * LONGEST_TOKEN_SERVER_CHARACTERS)))).toEqual([
    2,
    expect.stringContaining('is too large: it may have'),
  ]);
});

test('two token servers are one too many', () => {
  expect(refusal(file(document), { BERTH_TOKEN_SERVER: document })).toEqual([
    2,
    '--token-server and BERTH_TOKEN_SERVER both name a token server. Give one of them.',
  ]);
});
