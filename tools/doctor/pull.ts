/** The test image comes back, byte for byte, and in part (distribution-spec, "Pull"; RFC 9110 §14). */
import { digestOf } from './test-image.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';
import type { Visit } from './visit.ts';

const OK = 200;
const PARTIAL_CONTENT = 206;
/** More than was pushed: an answer that is longer is wrong in any case. */
const MOST_BYTES = 1024 * 1024;
const RANGE = { first: 1_000, last: 1_999 } as const;

const LOG = 'Look at what stands in front of the registry: something on the way changes answers.';

export async function checkPull(visit: Visit): Promise<Verdict> {
  const { image, client, repository, tag, scopes } = visit;
  if (image?.isComplete !== true) return skipped('no image was pushed');
  const parts = [
    { what: 'manifest', path: `manifests/${tag}`, ...image.manifest },
    { what: 'layer', path: `blobs/${image.layer.digest}`, mediaType: '*/*', ...image.layer },
  ];
  for (const { what, path, mediaType, digest } of parts) {
    const headers = { accept: mediaType };
    const called = await client.once({ method: 'GET', path: `/v2/${repository}/${path}`, scopes, headers });
    if (!called.ok) return failed(`the ${what} can't be pulled: ${called.failure.reason}`, LOG);
    if (called.value.status !== OK) {
      const { failure } = await client.refused(called.value, `GET of the ${what}`);
      return failed(`the ${what} can't be pulled: ${failure.reason}`, 'The log of the registry has a line for it.');
    }
    const coding = called.value.header('content-encoding');
    const body = await called.value.bytes(MOST_BYTES);
    if (!body.ok) return failed(`the ${what} can't be pulled: ${body.failure.reason}`, LOG);
    if (digestOf(body.value) !== digest)
      return failed(
        `the ${what} comes back with other bytes${coding === undefined ? '' : ` (Content-Encoding: ${coding})`}`,
        'Switch compression and every other change of answers off in what stands in front (nginx: gzip off).',
      );
  }
  return ok(`it came back byte for byte`);
}

export async function checkRanges(visit: Visit): Promise<Verdict> {
  const { image, client, repository, scopes } = visit;
  if (image?.isComplete !== true) return skipped('no image was pushed');
  const called = await client.once({
    method: 'GET',
    path: `/v2/${repository}/blobs/${image.layer.digest}`,
    scopes,
    headers: { range: `bytes=${String(RANGE.first)}-${String(RANGE.last)}` },
  });
  if (!called.ok) return failed(`a part of a layer can't be pulled: ${called.failure.reason}`, LOG);
  const { status } = called.value;
  const body = await called.value.bytes(MOST_BYTES);
  const advice = 'See that what stands in front passes Range on: a pull that broke off begins anew otherwise.';
  if (status !== PARTIAL_CONTENT)
    return failed(`a question for a part of a layer is answered with ${String(status)}, and not with 206`, advice);
  const wanted = image.layer.bytes.subarray(RANGE.first, RANGE.last + 1);
  if (!body.ok || !body.value.equals(wanted)) return failed('another part of a layer comes than was asked for', LOG);
  return ok('a part of a layer can be pulled, so a pull that broke off goes on');
}
