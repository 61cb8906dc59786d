/** `npm start -- --policy FILE`, `--trusts FILE`, `--token-server FILE` and `--endpoints FILE`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { withDocumentsOf, type DocumentFiles } from '../../../standalone/document-file.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';
import { OutsideIssuer } from '../../outside-issuer.ts';

const NO_FILES: DocumentFiles = { policy: undefined, trusts: undefined, tokenServer: undefined, endpoints: undefined };
const SERVER = (await OutsideIssuer.make()).document();
/** Longer than any of them may be. */
const TOO_LARGE = ' '.repeat(1_000_000);

const scratch = mkdtempSync(join(tmpdir(), 'berth-documents-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function file(content: string): string {
  const path = join(scratch, `${crypto.randomUUID()}.json`);
  writeFileSync(path, content);
  return path;
}

/** The exit code and the line with which a start ends. */
function refusal(files: Partial<DocumentFiles>, environment = {}): [number, string] | undefined {
  try {
    withDocumentsOf({ ...NO_FILES, ...files }, environment);
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return [error.exitCode, error.message];
    throw error;
  }
}

describe.each([
  {
    name: 'policy',
    option: '--policy',
    setting: 'BERTH_POLICY',
    right: '{"rules":[]}\n',
    wrong: '{"rules":[{"name":"a","subjects":["all"],"repositories":["**"],"actions":["pull"]}]}',
    mistake: 'is no policy: rules[0].subjects[0]: must be user:NAME, group:NAME,',
    both: 'both give a policy',
  },
  {
    name: 'trusts',
    option: '--trusts',
    setting: 'BERTH_TRUSTS',
    right: '{"trusts":[]}\n',
    wrong: '{"trusts":[{"name":"a","issuer":"https://a.example","audience":"b","claims":{"ref":"*"}}]}',
    mistake: 'names no trusts: trusts[0].claims: must name whose jobs are meant',
    both: 'both name trusts',
  },
  {
    name: 'tokenServer',
    option: '--token-server',
    setting: 'BERTH_TOKEN_SERVER',
    right: SERVER,
    wrong: JSON.stringify({ ...JSON.parse(SERVER), algorithm: 'ES256' }),
    mistake: 'is no token server: algorithm: is not known here; docs/token-server.md has every key',
    both: 'both name a token server',
  },
  {
    name: 'endpoints',
    option: '--endpoints',
    setting: 'BERTH_ENDPOINTS',
    right: '{"endpoints":[{"name":"a","url":"https://hooks.example.com/berth"}]}',
    wrong: '{"endpoints":[{"name":"a","url":"http://hooks.example.com/berth"}]}',
    mistake: 'names no endpoints: endpoints[0].url: must begin with https://',
    both: 'both name endpoints',
  },
])('$option', ({ name, option, setting, right, wrong, mistake, both }) => {
  it('gives what is in the file as if the setting had been given', () => {
    const environment = { PATH: '/bin', [setting]: '' };
    expect(withDocumentsOf({ ...NO_FILES, [name]: file(right) }, environment)).toEqual({
      PATH: '/bin',
      [setting]: right,
    });
  });

  it('tells a mistake in one line, with its path and reason', () => {
    const path = file(wrong);
    expect(refusal({ [name]: path })).toEqual([2, expect.stringContaining(`${option} ${path} ${mistake}`)]);
  });

  it('names a file that is not there, is a directory or is far too large', () => {
    expect(refusal({ [name]: join(scratch, 'none.json') })).toEqual([2, expect.stringContaining('(ENOENT)')]);
    expect(refusal({ [name]: scratch })).toEqual([2, expect.stringContaining("can't be read (EISDIR)")]);
    expect(refusal({ [name]: file(TOO_LARGE) })).toEqual([2, expect.stringContaining('is too large: it may have')]);
  });

  it('and the setting are one too many', () => {
    expect(refusal({ [name]: file(right) }, { [setting]: right })).toEqual([
      2,
      `${option} and ${setting} ${both}. Give one of them.`,
    ]);
  });
});

test('without a file nothing is added', () => {
  expect(withDocumentsOf(NO_FILES, { PATH: '/bin' })).toEqual({ PATH: '/bin' });
});
