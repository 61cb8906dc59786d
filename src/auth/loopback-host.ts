/**
 * Whether the host of a URL is this machine: then plain http is as good as https, since nobody is on the way.
 *
 * @param hostname as the parser of URLs writes it
 */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
