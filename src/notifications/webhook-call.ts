/**
 * One call of a webhook (Standard Webhooks 1.0): bounded in time and in what is read of the answer. A redirection is not
 * followed: its address was not looked at, and our headers are not for it.
 */
import { parseRetryAfter } from './retry.ts';

/** Read of an answer, for the delivery log. */
const LONGEST_ANSWER_BYTES = 4_096;
const LONGEST_KEPT_CHARACTERS = 500;

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
  /** What is cut out of the kept start of the answer: a receiver may send back what it was sent. */
  readonly secrets: readonly string[];
}

/** What makes the call: `fetch` itself, or a service that looks at addresses. */
export interface Caller {
  fetch(url: string, init: RequestInit): Promise<Response>;
}

export type CallOutcome =
  | { readonly kind: 'delivered'; readonly status: number; readonly answer: string }
  /** The receiver wants no more: 410. */
  | { readonly kind: 'gone'; readonly status: number; readonly answer: string }
  | {
      readonly kind: 'failed';
      /** Undefined where there was no answer. */
      readonly status: number | undefined;
      readonly answer: string;
      readonly retryAfterMs: number | undefined;
    };

/** Never throws. */
export async function callWebhook(
  fetcher: Caller,
  { url, headers, body, timeoutMs, secrets }: WebhookRequest,
  now: () => number,
): Promise<CallOutcome> {
  try {
    const response = await fetcher.fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status } = response;
    // The status has said all that counts: what comes of the body is shown, whatever becomes of the rest.
    const answer = withoutSecrets(await startOf(response), secrets);
    if (status >= 200 && status < 300) return { kind: 'delivered', status, answer };
    if (status === 410) return { kind: 'gone', status, answer };
    return {
      kind: 'failed',
      status,
      answer,
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), now()),
    };
  } catch (error) {
    const answer = withoutSecrets(reasonOf(error), secrets);
    return { kind: 'failed', status: undefined, answer, retryAfterMs: undefined };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const text = String(error);
  // All that workerd says where it got no connection.
  return text.includes('internal error; reference')
    ? 'no connection, or no HTTP in it: the name may have no address, or one that may not be called, or the receiver broke off'
    : text;
}

async function startOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < LONGEST_ANSWER_BYTES) {
    const next: { readonly value?: unknown } = await reader.read().catch(() => ({}));
    if (!(next.value instanceof Uint8Array)) break;
    chunks.push(next.value);
    size += next.value.byteLength;
  }
  // Whatever else it sends, nobody reads: an endless answer ends here.
  await reader.cancel().catch(() => undefined);
  const decoder = new TextDecoder();
  return chunks
    .map((chunk) => decoder.decode(chunk, { stream: true }))
    .join('')
    .slice(0, LONGEST_ANSWER_BYTES);
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, '***');
  // What a receiver sends is shown in a terminal.
  return clean.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, LONGEST_KEPT_CHARACTERS);
}
