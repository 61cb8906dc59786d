/** The model of the fuzz campaign: right answers are taken, and each answer that is wrong in one way is not. */
import { describe, expect, it } from 'vitest';
import { digestOfBytes } from '../../long/fuzz/bytes.ts';
import type { Document, Operation, PutManifest, Twist } from '../../long/fuzz/operation.ts';
import type { RawAnswer } from '../../long/fuzz/raw-request.ts';
import { Worlds } from '../../long/fuzz/worlds.ts';

const REPOSITORY = 'some/where';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const BLOB = Buffer.from('hello');
const DIGEST = digestOfBytes('sha256', BLOB);
const SESSION = `/v2/${REPOSITORY}/blobs/uploads/1`;
const method = 'GET';
const repository = REPOSITORY;

type Headers = Readonly<Record<string, string>>;

function answer(status: number, headers: Headers = {}, body: string | Uint8Array = ''): RawAnswer {
  const bytes = Buffer.from(body);
  const all = { 'content-length': String(bytes.byteLength), ...headers };
  return { status, headers: new Map(Object.entries(all)), body: bytes };
}

function refused(status: number, code: string, detail?: unknown, headers: Headers = {}): RawAnswer {
  return answer(status, headers, JSON.stringify({ errors: [{ code, message: 'no', detail }] }));
}

/** A registry of which the model has seen these right answers. */
class Told {
  readonly worlds = new Worlds({
    host: 'registry',
    others: { change: (name) => name === 'wild', mayHave: () => false },
  });

  is(operation: Operation, right: RawAnswer, twist?: Twist): this {
    expect(this.worlds.judge(operation, twist, right)).toBeUndefined();
    return this;
  }

  isNot(operation: Operation, wrong: RawAnswer, twist?: Twist): this {
    expect(this.worlds.judge(operation, twist, wrong)).toEqual(expect.any(String));
    return this;
  }

  has(...operations: readonly [Operation, RawAnswer][]): this {
    for (const [operation, right] of operations) this.is(operation, right);
    return this;
  }
}

const pushBlob: Operation = {
  ...{ kind: 'open', repository, session: 0, algorithm: undefined, mount: undefined },
  whole: { digest: DIGEST, body: BLOB, chunked: false },
};
const blobCreated = answer(201, { location: `/v2/${REPOSITORY}/blobs/${DIGEST}`, 'docker-content-digest': DIGEST });
const getBlob: Operation = {
  kind: 'get-blob',
  repository,
  method,
  digest: DIGEST,
  range: undefined,
  ifRange: undefined,
};
const known = { 'docker-content-digest': DIGEST, etag: `"${DIGEST}"`, 'content-type': 'application/octet-stream' };
const deleteBlob: Operation = { kind: 'delete-blob', repository, digest: DIGEST };

function documentOf(fields: Partial<Document>): Document {
  const bytes = Buffer.from(JSON.stringify(fields));
  return {
    ...{ bytes, contentType: INDEX, mediaType: INDEX, saysType: true, blobs: [], foreign: [], children: [] },
    ...{ subject: undefined, artifactType: undefined, annotations: undefined, fault: undefined, ...fields },
  };
}

function put(reference: string, document: Document): [PutManifest, RawAnswer] {
  const digest = digestOfBytes('sha256', document.bytes);
  const headers = { 'docker-content-digest': digest, location: `/v2/${REPOSITORY}/manifests/${digest}` };
  const told = document.subject === undefined ? headers : { ...headers, 'oci-subject': document.subject };
  return [{ kind: 'put-manifest', repository, reference, document, tags: [], chunked: false }, answer(201, told)];
}

const list = (n?: string, last?: string): Operation => ({ kind: 'tags', repository, method, n, last });
const tags = (...names: string[]): RawAnswer => answer(200, {}, JSON.stringify({ name: REPOSITORY, tags: names }));

describe('a blob', () => {
  const told = () => new Told().has([pushBlob, blobCreated]);

  it('is served with its bytes, and with no others', () => {
    told()
      .isNot(getBlob, answer(200, known, 'hullo'))
      .isNot(getBlob, answer(200, known, 'hell'))
      .isNot(getBlob, answer(200, { ...known, etag: '"x"' }, BLOB))
      .isNot(getBlob, refused(404, 'BLOB_UNKNOWN'))
      .is(getBlob, answer(200, known, BLOB));
  });

  it.each([
    ['bytes=1-3', 'bytes 1-3/5', 'ell'],
    ['bytes=3-', 'bytes 3-4/5', 'lo'],
    ['bytes=-2', 'bytes 3-4/5', 'lo'],
    ['bytes=2-99', 'bytes 2-4/5', 'llo'],
    ['bytes=0-1,5-6', 'bytes 0-1/5', 'he'],
  ])('is served by %s', (range, contentRange, slice) => {
    const asked: Operation = { ...getBlob, range };
    told()
      .isNot(asked, answer(206, { ...known, 'content-range': contentRange }, slice.slice(0, -1)))
      .isNot(asked, answer(206, { ...known, 'content-range': 'bytes 0-4/5' }, slice))
      .isNot(asked, answer(200, known, BLOB))
      .is(asked, answer(206, { ...known, 'content-range': contentRange }, slice));
  });

  it('is not there before it was pushed, nor in another repository', () => {
    new Told().isNot(getBlob, answer(200, known, BLOB)).is(getBlob, refused(404, 'BLOB_UNKNOWN'));
    told().isNot({ ...getBlob, repository: 'else/where' }, answer(200, known, BLOB));
  });

  it('that a manifest needs is not deleted, and the manifest is named', () => {
    const [pushImage, created] = put('latest', documentOf({ mediaType: IMAGE, contentType: IMAGE, blobs: [DIGEST] }));
    const user = created.headers.get('docker-content-digest');
    told()
      .has([pushImage, created])
      .isNot(deleteBlob, answer(202))
      .isNot(deleteBlob, refused(405, 'UNSUPPORTED', { manifest: DIGEST }, { allow: 'GET, HEAD' }))
      .is(deleteBlob, refused(405, 'UNSUPPORTED', { manifest: user }, { allow: 'GET, HEAD' }));
  });

  it('is mounted from where it is, and from nowhere else', () => {
    const mount = (from: string): Operation => ({
      ...{ kind: 'open', repository: 'else/where', session: 1, algorithm: undefined, whole: undefined },
      mount: { blob: { digest: DIGEST, bytes: BLOB }, from },
    });
    const mounted = answer(201, { location: `/v2/else/where/blobs/${DIGEST}`, 'docker-content-digest': DIGEST });
    const session = answer(202, {
      ...{ location: '/v2/else/where/blobs/uploads/9', 'docker-upload-uuid': '9', range: '0-0' },
      'oci-chunk-min-length': '1',
    });
    told().isNot(mount('third'), mounted).is(mount('third'), session).isNot(mount(REPOSITORY), session);
    // Others push to it meanwhile.
    told().is(mount('wild'), mounted);
    told().is(mount('wild'), session);
  });
});

describe('a list of tags', () => {
  const told = () =>
    new Told().has(...['b', 'a', 'a-b', 'B'].map((tag) => put(tag, documentOf({ artifactType: tag }))));

  it('is whole and in order', () => {
    told()
      .isNot(list(), tags('B', 'a', 'b'))
      .isNot(list(), tags('a', 'a-b', 'b', 'B'))
      .isNot(list(), tags('B', 'a', 'a-b', 'b', 'c'))
      .is(list(), tags('B', 'a', 'a-b', 'b'));
  });

  it('goes on where the page ended', () => {
    const page = answer(
      200,
      { link: `</v2/${REPOSITORY}/tags/list?n=2&last=a-b>; rel="next"` },
      JSON.stringify({ name: REPOSITORY, tags: ['a', 'a-b'] }),
    );
    told()
      .isNot(list('2', 'B'), tags('a', 'a-b'))
      .isNot(list('2', 'B'), { ...page, headers: new Map([['link', '</v2/x/tags/list?n=2&last=a>; rel="next"']]) })
      .is(list('2', 'B'), page)
      .is(list('2', 'a'), tags('a-b', 'b'));
  });

  it('has no tag of a manifest that was deleted', () => {
    const [, created] = put('a', documentOf({ artifactType: 'a' }));
    const reference = created.headers.get('docker-content-digest') ?? '';
    told()
      .is({ kind: 'delete-manifest', repository, reference }, answer(202))
      .isNot(list(), tags('B', 'a', 'a-b', 'b'))
      .is(list(), tags('B', 'a-b', 'b'));
  });
});

describe('referrers', () => {
  it('are those of the type that is asked for', () => {
    const sbom = documentOf({ subject: DIGEST, artifactType: 'a/sbom' });
    const signature = documentOf({ subject: DIGEST, artifactType: 'a/signature', annotations: { by: 'me' } });
    const entry = ({ bytes, artifactType, annotations }: Document) => ({
      ...{ mediaType: INDEX, digest: digestOfBytes('sha256', bytes), size: bytes.byteLength, artifactType },
      ...(annotations === undefined ? {} : { annotations }),
    });
    const page = (...manifests: Document[]): RawAnswer =>
      answer(
        200,
        { 'content-type': INDEX, 'oci-filters-applied': 'artifactType' },
        JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: manifests.map(entry) }),
      );
    const asked: Operation = {
      ...{ kind: 'referrers', repository, method, digest: DIGEST, artifactType: 'a/signature', last: undefined },
    };
    new Told()
      .has(put('one', sbom), put('two', signature))
      .isNot(asked, page(sbom, signature))
      .isNot(asked, page())
      .isNot(asked, page({ ...signature, annotations: undefined }))
      .is(asked, page(signature));
  });
});

describe('a condition', () => {
  it('that does not hold is refused with what is there', () => {
    const first = documentOf({ artifactType: 'first' });
    const [push, created] = put('latest', documentOf({ artifactType: 'second' }));
    const current = digestOfBytes('sha256', first.bytes);
    const conditional: Operation = { ...push, ifNoneMatch: '*' };
    new Told()
      .has(put('latest', first))
      .isNot(conditional, created)
      .isNot(conditional, refused(412, 'DENIED', { current: null }))
      .is(conditional, refused(412, 'DENIED', { current }))
      .is({ ...push, ifMatch: [current] }, created);
  });
});

describe('an upload', () => {
  const session = { repository, session: 0, path: SESSION };
  const open: Operation = {
    ...{ kind: 'open', repository, session: 0, algorithm: undefined, mount: undefined, whole: undefined },
  };
  const at = (status: number, range: string): RawAnswer =>
    answer(status, { location: SESSION, 'docker-upload-uuid': '1', range, 'oci-chunk-min-length': '1' });
  const append = (body: string, start?: number): Operation => ({
    ...{ kind: 'append', ...session, body: Buffer.from(body), chunked: false },
    range: start === undefined ? undefined : { header: 'x', says: { start, length: body.length } },
  });
  const close: Operation = {
    ...{
      kind: 'close',
      ...session,
      digest: DIGEST,
      whole: BLOB,
      body: Buffer.alloc(0),
      chunked: false,
      range: undefined,
    },
  };
  const status: Operation = { kind: 'status', ...session, method };
  const told = () => new Told().has([open, at(202, '0-0')]);

  it('takes chunks in their order alone', () => {
    told()
      .is(append('he', 0), at(202, '0-1'))
      .isNot(append('llo', 3), at(202, '0-4'))
      .is(append('llo', 3), refused(416, 'RANGE_INVALID', undefined, { range: '0-1' }))
      .isNot(append('llo', 2), at(202, '0-2'))
      .is(append('llo', 2), at(202, '0-4'))
      .is(close, blobCreated)
      .is(getBlob, answer(200, known, BLOB));
  });

  it('of other bytes becomes no blob', () => {
    told()
      .is(append('hullo'), at(202, '0-4'))
      .isNot(close, blobCreated)
      .is(close, refused(400, 'DIGEST_INVALID'))
      .is(status, refused(404, 'BLOB_UPLOAD_UNKNOWN'))
      .is(getBlob, refused(404, 'BLOB_UNKNOWN'));
  });

  it('that was closed answers again, until its blob is deleted', () => {
    told()
      .has([append('hello'), at(202, '0-4')], [close, blobCreated], [close, blobCreated], [deleteBlob, answer(202)])
      .isNot(close, blobCreated)
      .is(close, refused(404, 'BLOB_UPLOAD_UNKNOWN'));
  });

  it('whose connection was cut has what came, and is gone on with from there', () => {
    const registry = told();
    registry.worlds.cut(append('hello', 0), undefined, false);
    registry
      .isNot(status, answer(204, { range: '0-5' }))
      .is(status, answer(204, { range: '0-2' }))
      .isNot(append('lo', 3), at(202, '0-5'))
      .is(append('lo', 3), at(202, '0-4'))
      .is(close, blobCreated);
  });
});

describe('an odd request', () => {
  it('of another host is refused, and does nothing', () => {
    const [push, created] = put('latest', documentOf({}));
    new Told()
      .isNot(push, created, 'foreign')
      .is(push, refused(401, 'UNAUTHORIZED', undefined, { 'www-authenticate': 'Basic realm="x"' }), 'foreign')
      .is(list(), refused(404, 'NAME_UNKNOWN'));
  });

  it('that means the same is answered the same', () => {
    new Told().has([pushBlob, blobCreated]).is(getBlob, answer(200, known, BLOB), 'encoded-colon');
  });
});
