/**
 * docs/api.md, played: each example is sent to a Berth, one after the other, and answered as the page says. And the page has
 * every endpoint, as the table of routes has them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBerth, type BerthProcess } from './berth-process.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8');
/** The table of routes as it stands in its source: what runs it is no business of this page. HEAD is answered as GET is. */
const ROUTES = [
  ...readFileSync(join(ROOT, 'src', 'http', 'routes.ts'), 'utf8').matchAll(
    /method: (READ|'[A-Z]+'),\s+path: '([^']+)'/g,
  ),
].map(([, method = '', path = '']) => ({ method: method === 'READ' ? 'GET' : method.slice(1, -1), path }));

interface Example {
  readonly line: string;
  readonly sent: { readonly method: string; readonly path: string; readonly headers: Lines; readonly body: string };
  readonly answer: { readonly status: number; readonly headers: Lines; readonly body: string };
}
type Lines = readonly (readonly [name: string, value: string])[];

/** One side of an example: its first line, headers, and, behind an empty line, the body. */
function side(lines: readonly string[], mark: string): { first: string; headers: Lines; body: string } {
  const own = lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(2));
  const gap = own.indexOf('');
  const [first = '', ...head] = gap === -1 ? own : own.slice(0, gap);
  const headers = head.map((line): [string, string] => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  return { first, headers, body: gap === -1 ? '' : own.slice(gap + 1).join('\n') };
}

const EXAMPLES: readonly Example[] = [...page.matchAll(/^```api\n([^]*?)^```$/gm)].map(([, text = '']) => {
  const lines = text.split('\n');
  const { first, headers, body } = side(lines, '>');
  const answer = side(lines, '<');
  const [method = '', path = ''] = first.split(' ');
  return {
    line: first,
    sent: { method, path, headers, body },
    answer: { status: Number(answer.first), headers: answer.headers, body: answer.body },
  };
});

/** What the names in braces stand for. */
const known = new Map<string, string>();
const filled = (text: string): string =>
  text.replace(/\{([a-z]+)\}/g, (whole, name: string) => known.get(name) ?? whole);

/** Compares an answer's text with the page's, and learns what a new name stands for. */
function expectAs(actual: string, written: string, what: string): void {
  const names: string[] = [];
  const pattern = filled(written)
    .replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replace(/\{([a-z]+)\}/g, (_whole, name: string) => {
      names.push(name);
      return '(.+)';
    })
    .replace(/[{}]/g, String.raw`\$&`);
  const found = new RegExp(`^${pattern}$`).exec(actual);
  expect(found, `${what}: ${actual} instead of ${written}`).not.toBeNull();
  for (const [index, name] of names.entries()) known.set(name, found?.[index + 1] ?? '');
}

const PASSWORD = 'a password of this page';

let berth: BerthProcess;
beforeAll(async () => {
  berth = await startBerth({ environment: { BERTH_ADMIN_PASSWORD: PASSWORD, BERTH_EVENTS: 'on' } });
  known.set('admin', `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`);
});
afterAll(async () => {
  await berth.discard();
});

describe('docs/api.md', () => {
  it('has a heading, or an example, for every method of every route', () => {
    const asWritten = (path: string) =>
      path
        .replace(':name+', '<name>')
        .replace(':reference', '<reference>')
        .replace(':digest', '<digest>')
        .replace(':upload', '<session>')
        .replace(/:(account|robot|token|endpoint)/g, '<$1>');
    const wanted = ROUTES.map(({ method, path }) => `${method} ${asWritten(path)}`);
    expect(wanted.length).toBeGreaterThan(15);
    const headings = [...page.matchAll(/^### `([A-Z]+ [^`?]+)/gm)].map(([, heading = '']) => heading);
    const played = EXAMPLES.map(({ sent }) => `${sent.method} ${sent.path}`);
    expect(wanted.filter((one) => !headings.includes(one) && !played.includes(one))).toEqual([]);
    expect(headings.filter((heading) => !wanted.includes(heading))).toEqual([]);
  });

  it.for(EXAMPLES.map((example, index) => ({ label: `${String(index + 1)}: ${example.line}`, example })))(
    'is as it says, $label',
    async ({ example: { sent, answer } }) => {
      const response = await fetch(`${berth.url}${filled(sent.path)}`, {
        method: sent.method,
        headers: sent.headers.map(([name, value]): [string, string] => [name, filled(value)]),
        redirect: 'manual',
        ...(sent.body === '' ? {} : { body: new TextEncoder().encode(sent.body) }),
      });
      const text = await response.text();
      expect(response.status, text).toBe(answer.status);
      for (const [name, value] of answer.headers) expectAs(response.headers.get(name) ?? '', value, name);
      // Of an error the page shows a part.
      expect(text).toContain(filled(answer.body));
    },
  );
});
