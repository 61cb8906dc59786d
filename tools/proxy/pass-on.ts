/** A request that goes through unchanged, in a stream both ways, and so does its answer. */
import type { Exchange } from './exchange.ts';
import { forward, forwardAll } from './forwarding.ts';
import { headerOf, type HeaderList } from './headers.ts';
import type { SessionOffsets } from './session-offsets.ts';
import type { Upstream } from './upstream.ts';
import { describeFailure } from './upstream-failure.ts';

const BAD_GATEWAY = 502;
/** RFC 9110 §15.2: what is below says that an answer is still to come, or nothing at all. */
const LEAST_FINAL_STATUS = 200;
/** RFC 9110 §9.2.2: to ask twice is to ask once. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** Those that Node sends with chunked encoding where no length is given, also without a body. */
const BODY_EXPECTED: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export interface Passed {
  /** Undefined where the client was gone before. */
  readonly status: number | undefined;
  /** What went wrong at the registry. */
  readonly failure?: string;
}

/** Fulfilled when the answer is through, or never will be. */
export async function passOn(exchange: Exchange, upstream: Upstream, offsets: SessionOffsets): Promise<Passed> {
  const attempt = await once(exchange, upstream, offsets);
  // The registry may close a connection that was kept open at the very moment it is used again.
  const passed = attempt === 'stale' ? await once(exchange, upstream, offsets) : attempt;
  return passed === 'stale' ? { status: undefined, failure: 'broke off twice' } : passed;
}

function once(exchange: Exchange, upstream: Upstream, offsets: SessionOffsets): Promise<Passed | 'stale'> {
  const { request, response, method, place, signal } = exchange;
  return new Promise((settle) => {
    const asked = upstream.open(method, place.path, [...exchange.headers, ...framing(method, request.rawHeaders)]);
    const abort = (): void => {
      asked.destroy();
      settle({ status: undefined });
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    asked.on('continue', () => {
      exchange.goOn();
    });
    asked.once('response', (incoming) => {
      const status = incoming.statusCode ?? 0;
      if (status < LEAST_FINAL_STATUS) {
        asked.destroy(new Error(`it answered with the status ${String(status)}`));
        return;
      }
      offsets.learn(method, place, status, incoming.rawHeaders);
      exchange.begin(status, incoming.rawHeaders);
      forwardAll(incoming, response).then(
        () => {
          // After a whole answer Node tells nobody any more that there is room for the rest of the request.
          if (!asked.writableFinished) asked.destroy();
          void exchange.end();
          settle({ status });
        },
        (error: unknown) => {
          response.destroy();
          settle(signal.aborted ? { status } : { status, failure: describeFailure(error, upstream.url) });
        },
      );
    });
    asked.on('error', (error) => {
      // An answer may be on its way already, to a request that the registry did not want to read to its end.
      if (response.headersSent || signal.aborted) return;
      if (asked.reusedSocket && !hasBody(request.rawHeaders) && IDEMPOTENT.has(method)) {
        signal.removeEventListener('abort', abort);
        settle('stale');
        return;
      }
      const failure = describeFailure(error, upstream.url);
      exchange.refuse('UNAVAILABLE', { status: BAD_GATEWAY, message: `berth proxy: ${failure}` });
      settle({ status: BAD_GATEWAY, failure });
    });
    // Who is hung up on while it sends may miss its answer (RFC 9112 §9.6), so what nobody wants is still read.
    asked.once('close', () => {
      stop();
      request.resume();
      // A registry that changes the protocol is heard of by nothing else.
      if (!response.headersSent && !signal.aborted) asked.emit('error', new Error('it gave no answer'));
    });
    const stop = forward(request, asked);
    if (request.readableEnded) asked.end();
    else request.once('end', () => asked.end());
  });
}

/** How the body is delimited towards the registry, where the client's own header for it concerned its connection alone. */
function framing(method: string, headers: HeaderList): string[] {
  if (headerOf(headers, 'transfer-encoding') !== undefined) return ['Transfer-Encoding', 'chunked'];
  const isUnsaid = headerOf(headers, 'content-length') === undefined && BODY_EXPECTED.has(method);
  return isUnsaid ? ['Content-Length', '0'] : [];
}

function hasBody(headers: HeaderList): boolean {
  if (headerOf(headers, 'transfer-encoding') !== undefined) return true;
  return Number(headerOf(headers, 'content-length') ?? 0) > 0;
}
