/**
 * Who is at the other end of a connection, under `npm start`: the served port knows it and passes the bytes on
 * (standalone/peer-service.ts). Where a setting says that clients come directly, that is where a client is; otherwise it may be a
 * proxy of which nobody has said anything, so it is told of and decides nothing.
 */
import { isAddress } from '../auth/networks.ts';
import { logEvent } from '../observability/log.ts';

/** What `npm start` binds. */
export interface PeerBindings {
  PEERS?: Pick<Fetcher, 'fetch'>;
}

/** `live`: of a connection that there is; `known`: also of one that ended a moment ago, whose port may be another program's now. */
export type PeerQuestion = 'live' | 'known';

/** @param connection see `connectionOf` */
export async function peerAddress(
  { PEERS }: Env & PeerBindings,
  connection: number | undefined,
  question: PeerQuestion,
): Promise<string | undefined> {
  if (PEERS === undefined || connection === undefined) return undefined;
  try {
    const answer = await PEERS.fetch(`http://peers.invalid/${question}/${String(connection)}`);
    const text = await answer.text();
    return answer.ok && isAddress(text) ? text : undefined;
  } catch (error) {
    // Nobody knows then, which opens nothing; and of an event that is lost for it nobody would have anything.
    logEvent('warn', 'address of a client not told', { error: String(error) });
    return undefined;
  }
}
