/**
 * A request says that it is the proxy's and has another secret than ours: the proxy's file and ours differ, or somebody tries.
 * Each says so in its own line; that is info, and whoever set up the proxy may look at warnings alone. Anybody can send one,
 * so the warnings are few.
 */
import { logEvent } from '../observability/log.ts';
import { Seldom } from '../observability/seldom.ts';

const WARNED_EVERY_MS = 60_000;

/** Of this isolate. */
const seen = new Seldom(WARNED_EVERY_MS);

export function warnOfWrongSecret(now: number): void {
  const requests = seen.seen(now);
  if (requests === undefined) return;
  logEvent('warn', 'wrong proxy secret', {
    requests,
    message:
      'X-Berth-Proxy-Secret is not what BERTH_PROXY_SECRET says, so nothing else of the proxy counts: give both the same (docs/nginx.md)',
  });
}
