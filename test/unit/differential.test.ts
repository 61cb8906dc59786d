/** The pure parts of test/e2e/differential/: what of two answers is compared, and how the page of differences is read. */
import { describe, expect, it } from 'vitest';
import { compare } from '../e2e/differential/comparison.ts';
import type { Answer } from '../e2e/differential/exchange.ts';
import { normalForm } from '../e2e/differential/normal-form.ts';
import { ask, resolve, resolvePath } from '../e2e/differential/step.ts';
import { formatRow, parseTable } from '../e2e/differential/table.ts';

const BASE = 'http://127.0.0.1:5000';
const GET = ask('id', 'GET', '/v2/');

function answer(status: number, headers: Answer['headers'] = {}, body = ''): Answer {
  return { status, headers, body: Buffer.from(body), isCutOff: false };
}

function form(status: number, headers: Answer['headers'] = {}, body = ''): Record<string, string> {
  return Object.fromEntries(normalForm(GET, answer(status, headers, body), BASE));
}

describe('what is compared of an answer', () => {
  it.each([
    ['relative', '/v2/a/blobs/uploads/123'],
    ['absolute, with a state', `${BASE}/v2/a/blobs/uploads/456?_state=xyz`],
  ])('is a Location without the id of the session, be it %s', (_, location) => {
    expect(form(202, { location })).toEqual({ status: '202', Location: '/v2/a/blobs/uploads/<session>' });
  });

  it('is a Location with its host where that is not the registry', () => {
    expect(form(202, { location: 'http://evil.example/v2/a/blobs/uploads/1' })['Location']).toContain('evil.example');
  });

  it('is each code of an error once', () => {
    const body = '{"errors":[{"code":"A"},{"code":"B"},{"code":"A"}]}';
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(form(404, headers, body)).toEqual({ status: '404', code: 'A, B', 'Content-Type': 'application/json' });
  });

  it('is the tags of a list, and whether they are in order where there are many', () => {
    const list = (tags: readonly string[]): string =>
      form(200, { 'content-type': 'application/json' }, JSON.stringify({ name: 'a', tags }))['body'] ?? '';
    const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    expect(list(['b', 'a'])).toBe(list(['a', 'b']));
    expect(list(many.toReversed())).toBe(`${list(many)} in no order`);
  });

  it('is that a body breaks off', () => {
    const cutOff = { ...answer(200), isCutOff: true };
    expect(normalForm(GET, cutOff, BASE).get('body')).toBe('breaks off');
  });
});

describe('a comparison', () => {
  const json = { 'content-type': 'application/json' };

  it('finds nothing between answers that say the same', () => {
    const [one, two] = [answer(200, json, '{"a":1}'), answer(200, json, '{"a":1}\n')];
    expect(compare(normalForm(GET, one, BASE), normalForm(GET, two, BASE))).toBeUndefined();
  });

  it('tells what differs alone, and what one of them lacks', () => {
    const [one, two] = [answer(202, { range: '0-0', etag: '"a"' }), answer(202, { etag: '"a"' })];
    expect(compare(normalForm(GET, one, BASE), normalForm(GET, two, BASE))).toEqual({
      berth: 'Range: 0-0',
      distribution: 'Range: none',
    });
  });

  it('tells status and code alone where one grants what the other refuses', () => {
    const [one, two] = [answer(202, { range: '0-0' }), answer(404, json, '{"errors":[{"code":"A"}]}')];
    expect(compare(normalForm(GET, one, BASE), normalForm(GET, two, BASE))).toEqual({
      berth: 'status: 202; code: none',
      distribution: 'status: 404; code: A',
    });
  });
});

describe('a template', () => {
  it('takes names of the content and of earlier steps, and no others', () => {
    const kept = new Map([['first', '/v2/a/blobs/uploads/1?_state=x']]);
    expect(resolvePath('{first}?digest=abc', kept)).toBe('/v2/a/blobs/uploads/1?_state=x&digest=abc');
    expect(resolve('"{letters}"', kept)).toMatch(/^"sha256:[0-9a-f]{64}"$/);
    expect(() => resolve('{nobody}', kept)).toThrow('{nobody}');
  });
});

describe('the page', () => {
  const row = { id: 'a/b', request: 'GET /v2/', berth: 'status: 200', distribution: 'status: 404' };
  const reason = 'since the specification says so';

  it('is read as it was written', () => {
    expect(parseTable(`# Title\n\n| id |\n| --- |\n${formatRow(row, reason)}\n`)).toEqual([{ ...row, reason }]);
  });

  it.each([
    ['a row without a reason', formatRow(row, '')],
    ['a row that lacks a cell', '| `a/b` | `GET /v2/` | `status: 200` | since the specification says so |'],
    ['a request that stands twice', `${formatRow(row, reason)}\n${formatRow(row, reason)}`],
  ])('does not take %s', (_, page) => {
    expect(() => parseTable(page)).toThrow();
  });
});
