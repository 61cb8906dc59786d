/**
 * Who is at the other end of a connection, under `npm start`: the served port knows it and passes the bytes on
 * (standalone/peer-service.ts). Where a setting says that clients come directly, that is where a client is; otherwise it may be a
 * proxy of which nobody has said anything, so it is told of and decides nothing.
 */
import { isAddress } from '../auth/networks.ts';
import { logEvent } from '../observability/log.ts';
import { Seldom } from '../observability/seldom.ts';
import { RegistryError } from '../oci/error.ts';

/** What `npm start` binds. */
export interface PeerBindings {
  PEERS?: Pick<Fetcher, 'fetch'>;
}

/** `live`: of a connection that there is; `known`: also of one that ended a moment ago, whose port may be another program's now. */
export type PeerQuestion = 'live' | 'known';

const WARNED_EVERY_MS = 60_000;

/** Of this isolate. Who opens enough connections at once can make it happen. */
const untold = new Seldom(WARNED_EVERY_MS);

/**
 * Of a client that comes directly. Without it nobody would be slowed who guesses and hangs up before he is asked for: such a
 * request ends here, with UNAVAILABLE. Undefined where nobody could ever tell, which opens nothing.
 */
export async function directAddress(
  env: Env & PeerBindings,
  connection: number | undefined,
): Promise<string | undefined> {
  if (env.PEERS === undefined) return undefined;
  const address = await peerAddress(env, connection, 'live');
  if (address !== undefined) return address;
  throw new RegistryError('UNAVAILABLE', {
    message: 'the registry cannot tell just now from where this request came; send it again',
    headers: { 'retry-after': '1' },
  });
}

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
    // Nobody would have anything of an event that is lost for it.
    const times = untold.seen(Date.now());
    if (times !== undefined) logEvent('warn', 'address of a client not told', { times, error: String(error) });
    return undefined;
  }
}
