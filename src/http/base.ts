/** `GET /v2/` (end-1), and what a load balancer asks. */
import type { Context } from './context.ts';

/** The API's base: 200 tells a client that it may come in. */
export function base(): Response {
  return Response.json({});
}

/** `/` and `/healthz`: the Worker answers. No object is asked, so it costs nothing and tells nothing. */
export function health({ request }: Context): Response {
  return new Response(request.method === 'HEAD' ? null : 'ok\n', { headers: { 'content-type': 'text/plain' } });
}
