/** `Range` on a blob (RFC 9110 §14). */
import { ask, blob, type Resource, type Step } from '../step.ts';

const LETTERS = '/v2/ranges/blobs/{letters}';

function range(id: string, value: string, rest: Readonly<Record<string, string>> = {}): Step {
  return ask(id, 'GET', LETTERS, { headers: { Range: value, ...rest } });
}

export const BLOB_RANGES: Resource = {
  name: 'ranges',
  steps: [
    ...blob('ranges', 'letters'),
    ...blob('ranges', 'nothing'),
    range('first', 'bytes=0-0'),
    range('middle', 'bytes=5-9'),
    range('open', 'bytes=20-'),
    range('all', 'bytes=0-25'),
    range('all-open', 'bytes=0-'),
    range('suffix', 'bytes=-5'),
    range('suffix-longer', 'bytes=-100'),
    range('suffix-nothing', 'bytes=-0'),
    range('end-beyond', 'bytes=20-100'),
    range('start-beyond', 'bytes=26-'),
    range('far-beyond', 'bytes=1000-2000'),
    range('backwards', 'bytes=9-5'),
    range('several', 'bytes=0-1,4-5'),
    range('several-overlapping', 'bytes=0-9,5-14'),
    range('several-adjacent', 'bytes=0-4,5-9,10-25'),
    range('several-out-of-order', 'bytes=20-25,-1,0-4'),
    range('several-longer-than-blob', 'bytes=0-,0-0'),
    range('several-one-beyond', 'bytes=0-1,26-,4-5'),
    range('several-one-left', 'bytes=26-,4-5'),
    range('several-beyond', 'bytes=26-,100-200'),
    range('several-one-backwards', 'bytes=0-1,9-5'),
    range('several-one-malformed', 'bytes=0-1,a-b'),
    range('several-commas', 'bytes=, 0-1 ,,4-5'),
    range('spaces', 'bytes= 0-1'),
    range('unit-upper-case', 'BYTES=0-1'),
    range('unit-other', 'items=0-1'),
    range('without-unit', '0-1'),
    range('no-numbers', 'bytes=a-b'),
    range('negative', 'bytes=--1'),
    range('dash-alone', 'bytes=-'),
    range('empty-list', 'bytes='),
    range('huge', 'bytes=99999999999999999999-'),
    range('huge-end', 'bytes=0-99999999999999999999'),
    range('fraction', 'bytes=0.5-1'),
    range('if-range', 'bytes=0-1', { 'If-Range': '"{letters}"' }),
    range('if-range-other', 'bytes=0-1', { 'If-Range': '"{digits}"' }),
    range('if-range-date', 'bytes=0-1', { 'If-Range': 'Sat, 01 Jan 2000 00:00:00 GMT' }),
    range('if-range-several', 'bytes=0-1,4-5', { 'If-Range': '"{letters}"' }),
    range('not-modified', 'bytes=0-1', { 'If-None-Match': '"{letters}"' }),
    ask('head', 'HEAD', LETTERS, { headers: { Range: 'bytes=0-1' } }),
    ask('head-several', 'HEAD', LETTERS, { headers: { Range: 'bytes=0-1,4-5' } }),
    ask('head-beyond', 'HEAD', LETTERS, { headers: { Range: 'bytes=100-' } }),
    ask('empty-blob', 'GET', '/v2/ranges/blobs/{nothing}', { headers: { Range: 'bytes=0-' } }),
    ask('empty-blob-suffix', 'GET', '/v2/ranges/blobs/{nothing}', { headers: { Range: 'bytes=-1' } }),
    ask('absent-blob', 'GET', '/v2/ranges/blobs/{absent}', { headers: { Range: 'bytes=0-1' } }),
  ],
};
