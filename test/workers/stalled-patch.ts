/** A client that has sent some of its body and does not go on, seen from both sides. */
import { runInDurableObject } from 'cloudflare:test';
import type { Session } from './client.ts';

/** Grows each time that a request becomes the session's writer. */
export function epochOf(session: Session): Promise<SqlStorageValue | undefined> {
  const query = 'SELECT epoch FROM session';
  return runInDurableObject(session.stub, (_object, state) => state.storage.sql.exec(query).one()['epoch']);
}

/** Ends once another request than the one of that epoch writes the session. */
export async function newWriter(session: Session, before: SqlStorageValue | undefined): Promise<void> {
  while ((await epochOf(session)) === before);
}

/** A PATCH that is being written: it has brought these bytes, and now waits for its client. */
export async function stalledPatch(session: Session, bytes: Uint8Array, headers: Record<string, string> = {}) {
  const before = await epochOf(session);
  const client = new AbortController();
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const answer = session.patch(readable, headers, client.signal);
  // A test that has the client vanish never looks at the answer.
  answer.catch(() => undefined);
  await newWriter(session, before);
  // A write ends once its bytes were taken over, so after the last one those before it were passed on.
  const last = bytes.byteLength - 1;
  for (const piece of [bytes.subarray(0, last), bytes.subarray(last)]) await writer.write(piece);
  const end = async () => writer.close().catch(() => undefined);
  return {
    answer,
    write: (more: Uint8Array) => writer.write(more),
    end,
    vanish: () => {
      client.abort();
    },
  };
}
