/**
 * A request says that it is the proxy's and has another secret than ours: the proxy's file and ours differ, or somebody tries.
 * Each says so in its own line; that is info, and whoever set up the proxy may look at warnings alone. Anybody can send one,
 * so the warnings are few.
 */
import { logEvent } from '../observability/log.ts';

const WARNED_EVERY_MS = 60_000;

export class WrongSecrets {
  #warnedAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  /**
   * @param now in milliseconds since the epoch
   * @returns how many there were since the last warning; undefined where that was a moment ago
   */
  seen(now: number): number | undefined {
    this.#unsaid += 1;
    // A clock that is set back must not keep it silent.
    if (Math.abs(now - this.#warnedAt) < WARNED_EVERY_MS) return undefined;
    const requests = this.#unsaid;
    this.#warnedAt = now;
    this.#unsaid = 0;
    return requests;
  }
}

/** Of this isolate. */
const seen = new WrongSecrets();

export function warnOfWrongSecret(now: number): void {
  const requests = seen.seen(now);
  if (requests === undefined) return;
  logEvent('warn', 'wrong proxy secret', {
    requests,
    message:
      'X-Berth-Proxy-Secret is not what BERTH_PROXY_SECRET says, so nothing else of the proxy counts: give both the same (docs/nginx.md)',
  });
}
