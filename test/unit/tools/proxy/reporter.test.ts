/** What people read while the proxy works. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Reporter, type RequestWatch } from '../../../../tools/proxy/reporter.ts';

const SECOND_MS = 1_000;
const SESSION = '/v2/team/large/blobs/uploads/0123456789abcdef';
const DIGEST = `sha256:3c0b65fc7559${'0'.repeat(52)}`;

interface Told {
  readonly reporter: Reporter;
  pass(ms: number): void;
  said(): string;
}

function tell({ isTTY = false, isVerbose = false }: { isTTY?: boolean; isVerbose?: boolean }): Told {
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY, columns: 80 });
  let now = 0;
  return {
    reporter: new Reporter({ out, errors: out, isVerbose, now: () => now }),
    pass: (ms) => {
      now += ms;
    },
    said: () => String(out.read() ?? ''),
  };
}

function upload({ reporter }: Told, length: number | undefined, digest?: string): RequestWatch {
  const watch = reporter.begin('PATCH', `${SESSION}?_state=secret`, undefined);
  watch.isUpload({ path: SESSION, repository: 'team/large', opens: false, digest, start: undefined, length });
  return watch;
}

describe('at a terminal', () => {
  it('each large upload is a line that is drawn over itself, and stays when it is done', () => {
    const told = tell({ isTTY: true });
    const one = upload(told, undefined);
    const other = upload(told, 300_000_000, DIGEST);
    told.pass(SECOND_MS);
    one.progress(12_000_000);
    expect(told.said()).toBe(
      'team/large 01234567  12.0 MB  12.0 MB/s\nteam/large sha256:3c0b65fc7559  0 bytes of 300 MB  0 bytes/s\n',
    );
    told.pass(SECOND_MS);
    other.progress(100_000_000);
    expect(told.said()).toBe(
      '\u001b[2A\r\u001b[Jteam/large 01234567  12.0 MB  6.0 MB/s\nteam/large sha256:3c0b65fc7559  100 MB of 300 MB  50.0 MB/s\n',
    );
    one.chunk();
    one.chunk();
    one.end(202);
    expect(told.said()).toBe(
      '\u001b[2A\r\u001b[Jteam/large 01234567 pushed in 2.0 s, 12.0 MB in 2 chunks\nteam/large sha256:3c0b65fc7559  100 MB of 300 MB  50.0 MB/s\n',
    );
    other.chunk();
    other.chunk();
    other.end(undefined);
    expect(told.said()).toBe(
      '\u001b[1A\r\u001b[Jteam/large sha256:3c0b65fc7559 broken off by its client after 2.0 s, 100 MB in 2 chunks\n',
    );
  });

  it('is not drawn over faster than one can read', () => {
    const told = tell({ isTTY: true });
    const watch = upload(told, undefined);
    watch.progress(1);
    told.said();
    watch.progress(2);
    expect(told.said()).toBe('');
  });

  it('no line is wider than it', () => {
    const told = tell({ isTTY: true });
    const watch = told.reporter.begin('PATCH', SESSION, undefined);
    const repository = 'long/'.repeat(40);
    watch.isUpload({ path: SESSION, repository, opens: false, digest: undefined, start: undefined, length: undefined });
    watch.progress(1);
    expect(told.said()).toHaveLength(80);
  });

  it('of many at once the first are drawn, and the others counted', () => {
    const told = tell({ isTTY: true });
    const watches = Array.from({ length: 13 }, () => upload(told, undefined));
    watches[0]?.progress(1);
    const lines = told.said().split('\n');
    expect(lines).toHaveLength(12);
    expect(lines[10]).toBe('and 3 more');
  });

  it('a body that goes on in one piece is not worth a line', () => {
    const told = tell({ isTTY: true });
    const watch = upload(told, undefined);
    watch.chunk();
    watch.end(202);
    expect(told.said()).toBe('');
  });
});

describe('anywhere else', () => {
  it('nothing is said but what went wrong', () => {
    const told = tell({});
    const watch = upload(told, undefined);
    watch.progress(5);
    watch.retry('https://r.example broke the connection off', 500);
    watch.end(502, 'https://r.example broke the connection off');
    expect(told.said()).toBe(
      'Warning: team/large 01234567: https://r.example broke the connection off; going on in 0.5 s\n' +
        'Error: PATCH /v2/team/large/blobs/uploads/01234567…: https://r.example broke the connection off\n',
    );
  });

  it('--verbose adds a line for every request, without its query', () => {
    const told = tell({ isVerbose: true });
    const watch = upload(told, undefined);
    watch.progress(12_000_000);
    watch.chunk();
    told.pass(SECOND_MS);
    watch.end(202);
    told.reporter.begin('PUT', '/v2/a/manifests/b?secret', '528').end(201);
    told.reporter.begin('GET', '/v2/', undefined).end(undefined);
    expect(told.said()).toBe(
      '202 PATCH /v2/team/large/blobs/uploads/01234567… 1.0 s 12.0 MB in 1 chunk\n' +
        '201 PUT /v2/a/manifests/b 0.0 s 528 bytes\n' +
        '--- GET /v2/ 0.0 s\n',
    );
  });
});
