/**
 * An upload whose body is too large for one request, or may be: it is sent on in chunks while it comes in, and its client
 * gets one answer, as if the registry had taken it in one request.
 */
import { BodyChunks, type Chunk } from './body-chunks.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { ChunkSender, type Sent } from './chunk-sender.ts';
import type { Exchange } from './exchange.ts';
import { headerOf, ofNoBody } from './headers.ts';
import type { SessionOffsets } from './session-offsets.ts';
import { withoutDigest, type Upload } from './upload-request.ts';
import type { Upstream } from './upstream.ts';

const BAD_GATEWAY = 502;
/** Clearing away is worth no more. */
const CANCEL_LIMIT_MS = 10_000;

/** What people see of it. */
export interface UploadWatch {
  /** Bytes that the registry has, or that are on their way. */
  progress(bytes: number): void;
  chunk(): void;
  retry(reason: string, pauseMs: number): void;
}

export interface CutOptions {
  readonly upstream: Upstream;
  readonly memory: ChunkMemory;
  readonly offsets: SessionOffsets;
  readonly watch: UploadWatch;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Cut {
  readonly status: number;
  /** Why the registry could not take it. */
  readonly failure?: string;
}

/** Its body was not what it had announced, which only this proxy can see. */
interface Missized {
  readonly kind: 'missized';
}

/** Rejects with `ClientGone` when nobody waits for the answer any more. */
export async function cutUpload(exchange: Exchange, upload: Upload, options: CutOptions): Promise<Cut> {
  const { upstream, memory, offsets, watch, wait } = options;
  const { request, signal, headers } = exchange;
  const sender = new ChunkSender({
    upstream,
    path: upload.opens ? withoutDigest(upload.path) : upload.path,
    headers: withContentType(ofNoBody(headers)),
    signal,
    wait,
    onProgress: (bytes) => {
      watch.progress(bytes);
    },
    onRetry: (reason, pauseMs) => {
      watch.retry(reason, pauseMs);
    },
  });
  const chunks = new BodyChunks(request, memory, signal);
  const opened = upload.opens ? await sender.open() : undefined;
  let isFinished = false;
  try {
    const sent =
      opened === undefined || opened.kind === 'taken'
        ? await sendBody(exchange, upload, { sender, chunks, offsets, watch })
        : opened;
    isFinished = sent.kind === 'taken';
    const cut = answer(exchange, sent);
    if (sent.kind === 'taken' && upload.digest === undefined)
      offsets.learn('PATCH', exchange.place, sent.answer.status, sent.answer.headers);
    return cut;
  } finally {
    // Its client never heard of it.
    if (opened?.kind === 'taken' && !isFinished) void sender.cancel(AbortSignal.timeout(CANCEL_LIMIT_MS));
    void chunks.discard();
  }
}

interface Parts {
  readonly sender: ChunkSender;
  readonly chunks: BodyChunks;
  readonly offsets: SessionOffsets;
  readonly watch: UploadWatch;
}

async function sendBody(
  exchange: Exchange,
  upload: Upload,
  { sender, chunks, offsets, watch }: Parts,
): Promise<Sent | Missized> {
  const { digest, start, length } = upload;
  if (start !== undefined) sender.startAt(start, false);
  else if (!upload.opens) {
    const heard = offsets.at(upload.path);
    if (heard !== undefined) sender.startAt(heard, true);
  }
  exchange.goOn();
  let total = 0;
  let last: Sent | undefined;
  // The next one fills while one is sent.
  let upcoming = ahead(chunks);
  try {
    for (;;) {
      const chunk = await upcoming;
      if (chunk === undefined) break;
      upcoming = ahead(chunks);
      total += chunk.bytes.length;
      try {
        if (length !== undefined && total > length) return { kind: 'missized' };
        const isAlone = chunk.isLast && last === undefined && digest === undefined && start === undefined;
        if (sender.offset === undefined && last === undefined && !isAlone) {
          const found = await sender.findOffset();
          if (found.kind !== 'taken') return found;
        }
        last = await sender.send(chunk.bytes, isAlone);
        watch.chunk();
        if (last.kind !== 'taken') return last;
      } finally {
        chunk.release();
      }
    }
  } finally {
    upcoming.then(
      (chunk) => chunk?.release(),
      () => undefined,
    );
  }
  if (length !== undefined && total < length) return { kind: 'missized' };
  if (digest !== undefined) return sender.close(digest);
  return last ?? sender.send(Buffer.alloc(0), true);
}

/** Whoever awaits it hears of a failure; it is no accident if nobody does. */
function ahead(chunks: BodyChunks): Promise<Chunk | undefined> {
  const chunk = chunks.next();
  chunk.catch(() => undefined);
  return chunk;
}

function answer(exchange: Exchange, sent: Sent | Missized): Cut {
  switch (sent.kind) {
    case 'taken':
    case 'refused':
      exchange.relay(sent.answer);
      return { status: sent.answer.status };
    case 'missized': {
      const message = 'the body is not as long as its Content-Range; ask GET for what is there, and go on from there';
      exchange.refuse('SIZE_INVALID', { message });
      return { status: exchange.response.statusCode };
    }
    case 'failed':
      exchange.refuse('UNAVAILABLE', { status: BAD_GATEWAY, message: `berth proxy: ${sent.reason}` });
      return { status: BAD_GATEWAY, failure: sent.reason };
  }
}

/** A chunk has a type (distribution-spec, end-5), whether or not the whole body had one. */
function withContentType(headers: readonly string[]): readonly string[] {
  return headerOf(headers, 'content-type') === undefined
    ? [...headers, 'Content-Type', 'application/octet-stream']
    : headers;
}
