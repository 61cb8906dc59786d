/** One request and its answer, byte for byte: no redirect is followed, no path is tidied up, no header is added. */
import { request, type IncomingHttpHeaders } from 'node:http';
import { bodyOf, resolve, resolvePath, type Names, type Step } from './step.ts';

/** Both answer within milliseconds; a busy machine may take far longer. */
const ANSWER_LIMIT_MS = 60_000;
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The connection ended before the body did. */
  readonly isCutOff: boolean;
}

/** @param kept the Locations of earlier steps, as path and query */
export async function exchange(base: string, step: Step, kept: Names): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const body = bodyOf(step);
  const headers: Record<string, string> = {};
  if (step.chunked === true) headers['Transfer-Encoding'] = 'chunked';
  else if (body !== undefined || WITH_BODY.has(step.method)) headers['Content-Length'] = String(body?.length ?? 0);
  for (const [name, value] of Object.entries(step.headers ?? {})) headers[name] = resolve(value, kept);
  return new Promise((fulfil, reject) => {
    const sent = request(
      {
        ...{ hostname, port, headers, agent: false, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) },
        ...{ method: step.method, path: resolvePath(step.path, kept) },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        // Node calls a body that breaks off an error; here it is an answer like another.
        response.on('error', () => undefined);
        response.on('close', () => {
          const { statusCode: status = 0, headers: answered, complete } = response;
          fulfil({ status, headers: answered, body: Buffer.concat(parts), isCutOff: !complete });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
