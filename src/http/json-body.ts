/** Bodies of the administration: JSON, small, and of fields that are known. Every mistake is told with its path. */
import * as v from 'valibot';
import { RegistryError } from '../oci/error.ts';
import { readBody, SETTINGS_ROOM } from './body.ts';
import type { Asked } from './context.ts';

const LARGEST_BODY_BYTES = 64 * 1024;
const MOST_MISTAKES = 10;
const LONGEST_MISTAKE_CHARACTERS = 300;

/**
 * Throws REQUEST_INVALID with each mistake, and where the caller's rights ended meanwhile. An empty body counts as `{}`.
 *
 * @param schema a strict one: a caller who sends `"isAdmin": true` is told that it did nothing (CVE-2019-16097)
 */
export async function readJson<T>(asked: Asked, schema: v.GenericSchema<unknown, T>): Promise<T> {
  const text = await readText(asked, LARGEST_BODY_BYTES);
  const result = v.safeParse(schema, parseObject(text === '' ? '{}' : text));
  if (result.success) return result.output;
  throw mistakes(result.issues.slice(0, MOST_MISTAKES).map(mistakeOf));
}

/** Throws SIZE_INVALID above the limit, REQUEST_INVALID where it is no UTF-8, and where the caller's rights ended meanwhile. */
export async function readText({ request, askAgain }: Asked, limit: number): Promise<string> {
  const bytes = await readBody(request, limit, SETTINGS_ROOM);
  await askAgain();
  if (bytes === 'too-large') {
    throw new RegistryError('SIZE_INVALID', {
      status: 413,
      message: `the body may have ${limit} bytes`,
      detail: { limit },
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw mistakes(['the body is not UTF-8']);
  }
}

export function mistakes(found: readonly string[]): RegistryError {
  return new RegistryError('REQUEST_INVALID', { message: found.join('; '), detail: { mistakes: found } });
}

/** Throws REQUEST_INVALID for any other JSON. */
function parseObject(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw mistakes(['the body is not JSON']);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mistakes(['the body must be a JSON object']);
  }
  return value;
}

function mistakeOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'the body';
  const reason =
    issue.type === 'strict_object' && issue.expected === 'never'
      ? 'is no field here'
      : issue.received === 'undefined'
        ? 'is missing'
        : issue.message;
  return `${path} ${reason}`.slice(0, LONGEST_MISTAKE_CHARACTERS);
}
