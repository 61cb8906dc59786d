/** Requests a second: GET counted by wrk, which costs the machine less than any client in JavaScript, HEAD by our own. */
import { MANIFEST_TYPE } from '../registry-client.ts';
import { runCommand } from './command.ts';
import { headsPerSecond } from './head-client.ts';

/** What takes longer is lost. wrk's own two seconds would take a late answer for one. */
const LATEST_ANSWER = '30s';

/** One kind of request. */
export interface Target {
  readonly name: string;
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
}

interface Load {
  readonly connections: number;
  readonly seconds: number;
}

/** The milliseconds that one request takes of the time of all connections together. */
export async function millisecondsARequest(port: number, { method, path }: Target, load: Load): Promise<number> {
  return 1_000 / (await (method === 'HEAD' ? headsPerSecond(port, [path], load) : getsPerSecond(port, path, load)));
}

async function getsPerSecond(port: number, path: string, { connections, seconds }: Load): Promise<number> {
  const { output } = await runCommand('wrk', [
    ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
    ...['--timeout', LATEST_ANSWER],
    // Without it distribution hides a manifest of OCI's type.
    ...['--header', `Accept: ${MANIFEST_TYPE}`],
    `http://127.0.0.1:${port}${path}`,
  ]);
  const perSecond = parseWrk(output);
  if (typeof perSecond === 'string') throw new Error(`GET ${path}: ${perSecond}`);
  return perSecond;
}

/** Requests a second; or what went wrong, since a refusal costs less than an answer. */
export function parseWrk(output: string): number | string {
  const wrong = /^\s*(Non-2xx or 3xx responses: .*|Socket errors: .*)$/m.exec(output)?.[1];
  if (wrong !== undefined) return wrong;
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1]);
  return perSecond > 0 ? perSecond : `wrk has counted nothing:\n${output}`;
}
