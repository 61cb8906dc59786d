/** The pushes that a message tells of, in the form of distribution (docs/notifications.md, "The form of distribution"). */
import { fieldOf } from './fields.ts';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export interface Push {
  /** The event's own; the same however often it comes. */
  readonly id: string;
  readonly digest: string;
  /** In ms since the epoch. */
  readonly at: number;
  /** The number of the event in a repository's store that has this name; a registry other than Berth gives none. */
  readonly incarnation?: string;
  readonly sequence?: number;
}

/** Those of one tag of one repository; `undefined` where the text is no envelope. What else is told, is left alone. */
export function pushesOf(text: string, repository: string, tag: string): readonly Push[] | undefined {
  const events = fieldOf(parsed(text), 'events');
  if (!Array.isArray(events)) return undefined;
  const pushes = events.map((event: unknown): Push | undefined => {
    const target = fieldOf(event, 'target');
    if (fieldOf(event, 'action') !== 'push') return undefined;
    if (fieldOf(target, 'repository') !== repository || fieldOf(target, 'tag') !== tag) return undefined;
    return pushOf(event);
  });
  return pushes.filter((push) => push !== undefined);
}

/** By so much clocks may differ, or be put right. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * Whether `push` is of a later moment than `other`. Numbers are compared where they count the same, since clocks differ; but a
 * lower number that is much later is of a registry that was put back to an earlier state, and counts once more.
 */
export function isNewer(push: Push, other: Push): boolean {
  if (push.id === other.id) return false;
  const { sequence, incarnation, at } = push;
  if (sequence === undefined || other.sequence === undefined || incarnation !== other.incarnation)
    return at >= other.at;
  return sequence > other.sequence || at > other.at + CLOCKS_DIFFER_MS;
}

function pushOf(event: unknown): Push | undefined {
  const berth = fieldOf(event, 'berth');
  return checkedPush({
    id: fieldOf(event, 'id'),
    digest: fieldOf(fieldOf(event, 'target'), 'digest'),
    at: Date.parse(String(fieldOf(event, 'timestamp'))),
    incarnation: fieldOf(berth, 'incarnation'),
    sequence: fieldOf(berth, 'sequence'),
  });
}

export function checkedPush(given: unknown): Push | undefined {
  const [id, digest, at] = [fieldOf(given, 'id'), fieldOf(given, 'digest'), fieldOf(given, 'at')];
  if (typeof id !== 'string' || typeof at !== 'number' || !Number.isFinite(at)) return undefined;
  // The digest becomes a word of a command: it is exactly what it has to be.
  if (typeof digest !== 'string' || !DIGEST.test(digest)) return undefined;
  const [incarnation, sequence] = [fieldOf(given, 'incarnation'), fieldOf(given, 'sequence')];
  const isCounted = typeof incarnation === 'string' && typeof sequence === 'number';
  return { id, digest, at, ...(isCounted ? { incarnation, sequence } : {}) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
