/**
 * Who is at the other end of a connection, under `npm start`: the served port knows it and passes the bytes on
 * (standalone/peer-service.ts). It is told of and decides nothing, since it may be a proxy that nobody has said anything of;
 * what may decide is in client-address.ts.
 */
import { isAddress } from '../auth/networks.ts';
import { logEvent } from '../observability/log.ts';

/** What `npm start` binds. */
export interface PeerBindings {
  PEERS?: Pick<Fetcher, 'fetch'>;
}

/** @param connection see `connectionOf` */
export async function peerAddress(
  { PEERS }: Env & PeerBindings,
  connection: number | undefined,
): Promise<string | undefined> {
  if (PEERS === undefined || connection === undefined) return undefined;
  try {
    const answer = await PEERS.fetch(`http://peers.invalid/${String(connection)}`);
    const text = await answer.text();
    return answer.ok && isAddress(text) ? text : undefined;
  } catch (error) {
    // Of an event that is lost for it nobody would have anything.
    logEvent('warn', 'address of a client not told', { error: String(error) });
    return undefined;
  }
}
