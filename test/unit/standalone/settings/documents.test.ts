/** `npm start -- --policy FILE`, and the other settings that are the text of a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { OutsideIssuer } from '../../../outside-issuer.ts';
import { refusals, settingsOf } from './examining.ts';

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

describe.each([
  {
    option: '--policy',
    setting: 'BERTH_POLICY',
    right: '{"rules":[]}\n',
    wrong: '{"rules":[{"name":"a","subjects":["all"],"repositories":["**"],"actions":["pull"]}]}',
    mistake: 'rules[0].subjects[0] must be user:NAME, group:NAME,',
  },
  {
    option: '--trusts',
    setting: 'BERTH_TRUSTS',
    right: '{"trusts":[]}\n',
    wrong: '{"trusts":[{"name":"a","issuer":"https://a.example","audience":"b","claims":{"ref":"*"}}]}',
    mistake: 'trusts[0].claims must name whose jobs are meant',
  },
  {
    option: '--token-server',
    setting: 'BERTH_TOKEN_SERVER',
    right: SERVER,
    wrong: JSON.stringify({ ...JSON.parse(SERVER), algorithm: 'ES256' }),
    mistake: 'algorithm is not known here; docs/token-server.md has every key',
  },
  {
    option: '--endpoints',
    setting: 'BERTH_ENDPOINTS',
    right: '{"endpoints":[{"name":"a","url":"https://hooks.example.com/berth"}]}',
    wrong: '{"endpoints":[{"name":"a","url":"http://hooks.example.com/berth"}]}',
    mistake: 'endpoints[0].url must begin with https://',
  },
])('$option', ({ option, setting, right, wrong, mistake }) => {
  it('gives what is in the file as if the setting had been given', () => {
    const environment = { PATH: '/bin', [setting]: '' };
    expect(settingsOf([option, file(right)], environment).environment).toEqual({ PATH: '/bin', [setting]: right });
  });

  it('is also a variable with the path, or with the text itself', () => {
    for (const text of [file(right), right])
      expect(settingsOf([], { [setting]: text }).environment).toEqual({ [setting]: right });
  });

  it('tells a mistake in one line, with its path and reason', () => {
    const path = file(wrong);
    expect(refusals([option, path])).toEqual([expect.stringContaining(`${option.slice(2)} ${path}: ${mistake}`)]);
    expect(refusals([], { [setting]: wrong })).toEqual([expect.stringContaining(`${setting}: ${mistake}`)]);
  });

  it('names a file that is not there, is a directory or is far too large', () => {
    expect(refusals([option, join(scratch, 'none.json')])).toEqual([expect.stringContaining('(ENOENT)')]);
    expect(refusals([option, scratch])).toEqual([expect.stringContaining("can't be read (EISDIR)")]);
    expect(refusals([option, file(TOO_LARGE)])).toEqual([expect.stringContaining('is too large: it may have')]);
  });

  it('by a path that does not look like one, in a variable, is told how a path begins', () => {
    expect(refusals([], { [setting]: 'folder/document.json' })).toEqual([
      `${setting} is no document. A path begins with /, ./ or ../: ${setting}=./folder/document.json`,
    ]);
  });

  it('and the setting are one too many', () => {
    expect(refusals([option, file(right)], { [setting]: right })).toEqual([
      `${option} and ${setting} are both given. Give one of them.`,
    ]);
  });
});

test('without a file nothing is added', () => {
  expect(settingsOf([], { PATH: '/bin' }).environment).toEqual({ PATH: '/bin' });
});

describe('--htpasswd', () => {
  const LINE = `alice:$2y$05$${'a'.repeat(53)}\n`;

  it('gives what stands in the file, and everything else stays', () => {
    expect(settingsOf(['--htpasswd', file(LINE)], { HOME: '/home/you' }).environment).toEqual({
      HOME: '/home/you',
      BERTH_HTPASSWD: LINE,
    });
    expect(settingsOf([], { BERTH_HTPASSWD: LINE }).environment).toEqual({ BERTH_HTPASSWD: LINE });
  });

  it('by a path that does not look like one is told how a path begins, and no password is shown for it', () => {
    expect(refusals([], { BERTH_HTPASSWD: 'opensesame' })).toEqual([
      'BERTH_HTPASSWD is no document. A path begins with /, ./ or ../: BERTH_HTPASSWD=./htpasswd',
    ]);
  });

  it('and its setting together are refused', () => {
    for (const other of ['BERTH_HTPASSWD', 'BERTH_HTPASSWD_2'])
      expect(refusals(['--htpasswd', file(LINE)], { [other]: LINE.replace('alice', 'bob') })).toEqual([
        `--htpasswd and ${other} are both given. Give one of them.`,
      ]);
    expect(refusals(['--htpasswd', file(LINE)], { BERTH_HTPASSWD: '' })).toEqual([]);
  });

  it('tells of a line that will not do, without what stands there', () => {
    const wrong = file(`${LINE}bob:secret\n`);
    const [said = '', ...others] = refusals(['--htpasswd', wrong]);
    expect(others).toEqual([]);
    expect(said).toContain(`htpasswd ${wrong} line 2 has a hash for bob that is not bcrypt's`);
    expect(said).not.toContain('secret');
    // A cost that is none is told of alone.
    expect(refusals(['--htpasswd', wrong], { BERTH_HTPASSWD_MAX_COST: 'high' })).toEqual([
      expect.stringMatching(/^BERTH_HTPASSWD_MAX_COST must be/),
    ]);
  });

  it.each(['\n', '# alice:$2y$05$abc\n\n'])('refuses a file that would leave the registry open: %j', (nobody) => {
    const path = file(nobody);
    expect(refusals(['--htpasswd', path])).toEqual([
      `htpasswd ${path} names nobody: htpasswd -B ${path} NAME adds a line`,
    ]);
  });
});
