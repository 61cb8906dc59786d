/** What a run has reached: requests and answers by route, and what docs/api.md promises. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Line } from '../../e2e/berth-process.ts';
import { codeOf } from './outcome.ts';
import type { RawAnswer } from './raw-request.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Of the answered requests, at least so many have to be ones that a registry takes. */
const LEAST_ACCEPTED = 0.3;
const Logged = v.object({
  event: v.literal('request'),
  route: v.string(),
  method: v.string(),
  status: v.number(),
  error: v.optional(v.string()),
});

/** Answers that docs/api.md names and that no request can bring about by itself. */
export const UNREACHABLE: ReadonlyMap<string, string> = new Map([
  ...[
    '400 REQUEST_INVALID',
    '403 DENIED',
    '404 NOT_FOUND',
    '409 CONFLICT',
    '412 CONFLICT',
    '428 CONFLICT',
    '429 TOOMANYREQUESTS',
  ].map((error) => [error, 'of access, which an open registry has none of: test/workers/access/'] as const),
  ['503 UNAVAILABLE', 'overload, a store that fails or wrong settings: manifest-limits, base and session-end.test.ts'],
  ['507 UNAVAILABLE', 'a full disk or repository: e2e/disk/full-disk.test.ts'],
]);

export class Tally {
  sent = 0;
  answered = 0;
  accepted = 0;
  /** The connection was cut, by plan or because the request was no HTTP. */
  cut = 0;
  /** An answer came before the body was read, and was lost. */
  lost = 0;
  unavailable = 0;
  refusedByWorkerd = 0;
  readonly #answers = new Map<string, number>();
  readonly #codes = new Map<string, number>();

  answer(answer: RawAnswer): void {
    this.answered += 1;
    if (answer.status < 400) this.accepted += 1;
    // workerd has its own words for what is no HTTP.
    if (!answer.headers.has('x-request-id')) {
      this.refusedByWorkerd += 1;
      return;
    }
    if (answer.status >= 500) this.unavailable += 1;
    const code = codeOf(answer);
    if (code !== undefined) count(this.#codes, `${String(answer.status)} ${code}`);
  }

  /** What one Berth has logged: by it the routes are known. */
  read(lines: readonly Line[]): void {
    for (const line of lines) {
      const logged = v.safeParse(Logged, line);
      if (!logged.success) continue;
      const { route, method, status } = logged.output;
      count(this.#answers, `${route} ${method} ${String(status)}`);
    }
  }

  get acceptedShare(): number {
    return this.accepted / Math.max(1, this.answered);
  }

  lines(): string[] {
    const { sent, answered, accepted, cut, lost, unavailable, refusedByWorkerd } = this;
    return [
      `${sent} requests: ${answered} answered, ${cut} cut, ${lost} early answers lost, ${unavailable} answers of 5xx`,
      `${refusedByWorkerd} of the answers are workerd's own, to what is no HTTP`,
      `${accepted} of the answered ones were accepted: ${(this.acceptedShare * 100).toFixed(1)} %`,
      ...sorted(this.#answers),
      ...sorted(this.#codes),
    ];
  }

  /** What is wrong with the mix of any run. */
  mixProblems(): string[] {
    if (this.acceptedShare >= LEAST_ACCEPTED) return [];
    return [`only ${(this.acceptedShare * 100).toFixed(1)} % of the answered requests were accepted`];
  }

  /** What a release run has to have reached, and has not. */
  async coverageProblems(): Promise<string[]> {
    const routes = await declaredRoutes();
    const documented = await documentedErrors();
    const reached = [...this.#answers.keys()];
    return [
      ...routes
        .filter((route) => !reached.some((answer) => answer.startsWith(`${route} 2`)))
        .map((route) => `${route} was never accepted`),
      ...documented
        .filter((error) => !this.#codes.has(error) && !UNREACHABLE.has(error))
        .map((error) => `${error} was never answered`),
      ...[...this.#codes.keys()]
        .filter((error) => !documented.includes(error))
        .map((error) => `${error} is not in docs/api.md`),
    ];
  }
}

/** Signing in and the administration: an open registry is fuzzed. What may be tried there is in test/workers/access/. */
const RIGHTS_OF_ACCESS = /^(?:sign-in|admin|own-tokens)$/;

/** `route method`, as the table of src/http/routes.ts declares those of the registry itself. */
export async function declaredRoutes(): Promise<string[]> {
  const source = await readFile(join(ROOT, 'src', 'http', 'routes.ts'), 'utf8');
  const table = source.slice(source.indexOf('export const ROUTES'));
  const entries = [
    ...table.matchAll(/name: '([\w-]+)',\s+method: (?:'([A-Z]+)'|READ),\s+path: [^\n]+?,\s+right: '([\w-]+)'/g),
  ];
  const routes = entries
    .filter(([, , , right = '']) => !RIGHTS_OF_ACCESS.test(right))
    .flatMap(([, name = '', method]) =>
      (method === undefined ? ['GET', 'HEAD'] : [method]).map((one) => `${name} ${one}`),
    );
  return [...new Set(routes)];
}

/** `status code`, as the table of docs/api.md names them. */
export async function documentedErrors(): Promise<string[]> {
  const page = await readFile(join(ROOT, 'docs', 'api.md'), 'utf8');
  return [...page.matchAll(/^\| (\d{3}) \| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(([, status = '', codes = '']) =>
    [...codes.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => `${status} ${code}`),
  );
}

function count(table: Map<string, number>, key: string): void {
  table.set(key, (table.get(key) ?? 0) + 1);
}

function sorted(table: ReadonlyMap<string, number>): string[] {
  return [...table].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, times]) => `${key}: ${String(times)}`);
}
