/**
 * One request of the script, as data. `{name}` in a path, a header or a body stands for what content.ts has under that
 * name, or for the Location that an earlier step kept; so nothing that a server made up gets into a row of the table.
 */
import { CONTENT, NAMES } from './content.ts';

export interface Step {
  /** Once in its resource. */
  readonly id: string;
  readonly method: string;
  /** Sent as it stands: nothing tidies it up. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sent in chunks, without a length. */
  readonly chunked?: true;
  /** The name that the answer's Location gets for later steps; with `-id` behind it, what follows its last slash. */
  readonly keeps?: string;
  /** It has to succeed at both, and is not compared. */
  readonly prepares?: true;
  /** Of a step that prepares: asked again until the body holds this. */
  readonly until?: string;
}

export interface Resource {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What the table calls it. */
export function idOf(resource: Resource, step: Step): string {
  return `${resource.name}/${step.id}`;
}

type Rest = Omit<Step, 'id' | 'method' | 'path'>;

export function ask(id: string, method: string, path: string, rest: Rest = {}): Step {
  return { id, method, path, ...rest };
}

/** A session of its own for what follows. */
export function session(repository: string, name: string): Step {
  const path = `/v2/${repository}/blobs/uploads/`;
  return { id: `open-${name}`, method: 'POST', path, keeps: name, prepares: true };
}

/** Content that has to be there for what follows. */
export function blob(repository: string, content: string): Step[] {
  const name = `seed-${repository.replaceAll('/', '-')}-${content}`;
  return [
    session(repository, name),
    { id: name, method: 'PUT', path: `{${name}}?digest={${content}}`, body: `{${content}}`, prepares: true },
  ];
}

export function manifest(repository: string, reference: string, content: string, type: string): Step {
  return {
    id: `seed-${repository}-${reference}`,
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    headers: { 'Content-Type': type },
    body: `{${content}}`,
    prepares: true,
  };
}

/** How the table names a request: what a person would type, with the headers that matter. */
export function describeStep({ method, path, headers = {}, body, chunked }: Step): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const sent = body === undefined ? [] : [`${chunked === true ? 'chunked ' : ''}body ${body === '' ? '""' : body}`];
  return [`${method} ${path}`, ...lines, ...sent].join('; ');
}

export type Names = ReadonlyMap<string, string>;

/** A second `?` becomes `&`: some servers keep state of their own in a Location. */
export function resolvePath(template: string, kept: Names): string {
  const [first = '', ...more] = resolve(template, kept).split('?');
  return [first, more.join('&')].filter((part) => part !== '').join('?');
}

/** Throws for a name that nobody gave: the script is wrong then. */
export function resolve(template: string, kept: Names): string {
  return template.replaceAll(/\{([a-z0-9-]+)\}/g, (_, name: string) => {
    const value = kept.get(name) ?? NAMES.get(name);
    if (value === undefined) throw new Error(`nothing in the script is called {${name}}`);
    return value;
  });
}

export function bodyOf({ body }: Step): Buffer | undefined {
  if (body === undefined) return undefined;
  return CONTENT.get(/^\{([a-z0-9-]+)\}$/.exec(body)?.[1] ?? '') ?? Buffer.from(body);
}
