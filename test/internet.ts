/**
 * All that the Worker of the workers tests reaches by `fetch`: pages that a test has put there, and nothing else. A test puts a
 * page by `PUT https://the.internet/?url=…` with its `Page`, and hears by `GET` with a host which URLs were asked for there.
 * Hosts are the tests' own, so that files that run at the same time do not meet.
 */
import { Response, type Request } from 'miniflare';
import * as v from 'valibot';

const CONTROL = 'the.internet';
const Page = v.object({
  status: v.optional(v.number(), 200),
  headers: v.optional(v.record(v.string(), v.string()), {}),
  body: v.optional(v.string(), ''),
});

const pages = new Map<string, v.InferOutput<typeof Page>>();
const asked: string[] = [];

export async function internet(request: Request): Promise<Response> {
  const { host, searchParams } = new URL(request.url);
  if (host === CONTROL) return control(request, searchParams);
  asked.push(request.url);
  const page = pages.get(request.url);
  if (page === undefined) return new Response('there is nothing', { status: 404 });
  return new Response(page.body, { status: page.status, headers: page.headers });
}

async function control(request: Request, parameters: URLSearchParams): Promise<Response> {
  if (request.method === 'PUT') {
    pages.set(parameters.get('url') ?? '', v.parse(Page, await request.json()));
    return new Response(null, { status: 204 });
  }
  return Response.json(asked.filter((url) => new URL(url).host === parameters.get('host')));
}
