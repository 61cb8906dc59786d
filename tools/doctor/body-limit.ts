/** How large a request may be that something in front of the registry lets through (RFC 9110 §15.5.14). Pure. */
import { formatBytes } from '../../standalone/maintenance/progress.ts';
import { quoted } from '../registry/outcome.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';

const MB = 1_000_000;
/** Around what nginx (1 MiB) and Cloudflare (100 MB) let through by themselves. */
export const TRIED_BYTES = [MB, 2 * MB, 99 * MB, 101 * MB] as const;

const CONTENT_TOO_LARGE = 413;

export type Tried =
  | { readonly bytes: number; readonly kind: 'passed' }
  | { readonly bytes: number; readonly kind: 'answered'; readonly status: number; readonly server: string | undefined }
  | { readonly bytes: number; readonly kind: 'broken'; readonly reason: string };

/** @param tried in growing order; the last is the only one that may not have passed. */
export function judgeBodyLimit(tried: readonly Tried[]): Verdict {
  const last = tried.at(-1);
  if (last === undefined) return skipped('nothing was tried');
  if (last.kind === 'passed') return ok(`an upload of ${formatBytes(last.bytes)} in one request passes`);
  const largest = tried.at(-2)?.bytes;
  const passes = largest === undefined ? 'nothing smaller was tried' : `${formatBytes(largest)} pass`;
  if (last.kind === 'broken')
    return failed(
      `an upload of ${formatBytes(last.bytes)} in one request breaks off (${last.reason}); ${passes}`,
      'See to limits of size and of time in what stands in front of the registry, and to its log.',
    );
  const { status, server = '' } = last;
  const who = server === '' ? '' : ` by ${quoted(server)}`;
  const message = `an upload of ${formatBytes(last.bytes)} in one request is refused with ${String(status)}${who}; ${passes}`;
  if (status !== CONTENT_TOO_LARGE)
    return failed(message, 'Look at the log of the registry, and of what stands in front.');
  if (/nginx|openresty/i.test(server)) return failed(message, 'Set client_max_body_size 0 in its server block.');
  if (/cloudflare/i.test(server))
    return failed(message, 'Docker needs the proxy for large layers there: npx berth proxy (docs/proxy.md).');
  return failed(message, 'Take away the limit of request bodies in what stands in front of the registry.');
}
