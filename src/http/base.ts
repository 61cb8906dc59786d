/** `GET /v2/` (end-1), and what a load balancer asks. */

/** The API's base: 200 tells a client that it may come in. */
export function base(): Response {
  return fixed('{}', 'application/json');
}

/** `/` and `/healthz`: the Worker answers. No object is asked, so it costs nothing and tells nothing. */
export function health(): Response {
  return fixed('ok\n', 'text/plain');
}

/** With its length, so that the answer to HEAD has it too. */
function fixed(text: string, type: string): Response {
  return new Response(text, { headers: { 'content-type': type, 'content-length': String(text.length) } });
}
