/** What the model makes of requests whose end nobody has heard. */
import { describe, expect, it } from 'vitest';
import { digestOfBytes } from '../../long/fuzz/bytes.ts';
import type { Operation } from '../../long/fuzz/operation.ts';
import type { RawAnswer } from '../../long/fuzz/raw-request.ts';
import { Worlds } from '../../long/fuzz/worlds.ts';

const repository = 'some/where';
const method = 'GET';
const bytes = Buffer.from('{}');
const digest = digestOfBytes('sha256', bytes);
const type = 'application/vnd.oci.image.index.v1+json';

const put: Operation = {
  ...{ kind: 'put-manifest', repository, reference: digest, tags: ['one', 'two'], chunked: false },
  document: {
    ...{ bytes, contentType: type, mediaType: type, saysType: true, blobs: [], foreign: [], children: [] },
    ...{ subject: undefined, artifactType: undefined, annotations: undefined, fault: undefined },
  },
};
const get = (reference: string): Operation => ({ kind: 'get-manifest', repository, method, reference });
const remove: Operation = { kind: 'delete-manifest', repository, reference: digest };

const found: RawAnswer = {
  status: 200,
  headers: new Map([
    ['docker-content-digest', digest],
    ['etag', `"${digest}"`],
    ['content-type', type],
    ['content-length', '2'],
  ]),
  body: bytes,
};
const unknown: RawAnswer = {
  status: 404,
  headers: new Map(),
  body: Buffer.from('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}'),
};
const done: RawAnswer = { status: 202, headers: new Map(), body: Buffer.alloc(0) };

function cut(isWhole: boolean): Worlds {
  const worlds = new Worlds({ host: 'registry', others: { change: () => false, mayHave: () => false } });
  worlds.cut(put, undefined, isWhole);
  return worlds;
}

describe('a push whose connection was cut', () => {
  it('before its end has done nothing', () => {
    const worlds = cut(false);
    expect(worlds.judge(get('one'), undefined, found)).toEqual(expect.any(String));
    expect(worlds.judge(get('one'), undefined, unknown)).toBeUndefined();
  });

  it('after its end may be done at any time', () => {
    const worlds = cut(true);
    for (const answer of [unknown, unknown, found]) {
      expect(worlds.judge(get('one'), undefined, answer)).toBeUndefined();
    }
  });

  it('once it is done is done as a whole, and for good', () => {
    const worlds = cut(true);
    expect(worlds.judge(get('one'), undefined, found)).toBeUndefined();
    for (const reference of ['one', 'two', digest]) {
      expect(worlds.judge(get(reference), undefined, unknown), reference).toEqual(expect.any(String));
    }
    expect(worlds.judge(remove, undefined, done)).toBeUndefined();
    expect(worlds.judge(get('two'), undefined, found)).toEqual(expect.any(String));
  });

  it('that nobody sees leaves two worlds, and no more of them with every read', () => {
    const worlds = cut(true);
    for (let read = 0; read < 50; read += 1) {
      expect(worlds.judge({ kind: 'base', method, path: '/v2' }, undefined, moved)).toBeUndefined();
    }
    expect(worlds.states.length).toBeLessThan(5);
  });
});

const moved: RawAnswer = { status: 301, headers: new Map([['location', '/v2/']]), body: Buffer.alloc(0) };
