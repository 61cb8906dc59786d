/** docs/notifications.md, compared with the code: its documents, its tables, and the line in its chat. */
import { describe, expect, it, test } from 'vitest';
import { githubDispatch, sentence } from '../../../src/notifications/chat-message.ts';
import { envelope } from '../../../src/notifications/distribution-envelope.ts';
import { parseEndpoints, type EndpointDocument } from '../../../src/notifications/endpoint-document.ts';
import { FIELD_NAMES } from '../../../src/notifications/event-fields.ts';
import { EVENT_KINDS } from '../../../src/notifications/event.ts';
import { renderedBody } from '../../../src/notifications/rendering.ts';
import { DIGEST, event, manifestTarget, OTHER_DIGEST } from './events.ts';
import { blocksOf, documentOf, namesIn, PAGE, rowsOf, sectionOf } from './notifications-page.ts';

const RULES = { allowPrivate: false, ownHosts: [] };
const KEYS = rowsOf('## What an endpoint may say').map(([key = '', type = '', otherwise = '', text = '']) => ({
  key: namesIn(key)[0] ?? '',
  type,
  otherwise,
  text,
}));

function endpointsOf(document: string): readonly EndpointDocument[] {
  const result = parseEndpoints(document, RULES);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.value.endpoints;
}

const written = (more: Record<string, unknown>): string =>
  JSON.stringify({ endpoints: [{ name: 'one', url: 'https://example.com/hook', ...more }] });
const isTaken = (more: Record<string, unknown>): boolean => parseEndpoints(written(more), RULES).ok;

describe('the documents', () => {
  it.each(blocksOf('json'))('are endpoints: %s', (block) => {
    expect(endpointsOf(documentOf(block))).toHaveLength(1);
  });

  it('tell Discord and Teams of a push as their chats take it', () => {
    const bodies = blocksOf('json')
      .flatMap((block) => endpointsOf(documentOf(block)))
      .filter(({ format }) => typeof format === 'object')
      .map((endpoint) => JSON.stringify(JSON.parse(renderedBody(endpoint, [event()]).body)));
    const [discord = '', teams = ''] = bodies;
    expect(discord).toBe('{"content":"alice pushed berth.example/team/app:1.2"}');
    expect(teams).toContain(`"text":"alice pushed berth.example/team/app:1.2 (${DIGEST})"`);
  });
});

test('the line in the chat is the one that is sent', () => {
  const [, line] = /^The channel reads `([^`]+)`/m.exec(PAGE) ?? [];
  expect(line).toBe(sentence(event()));
});

test('a workflow finds in its payload what it is promised', () => {
  const [, type] = /types: \[([a-z.]+)\]/.exec(PAGE) ?? [];
  const [, named = ''] = /and finds ([^]*?) in `github\.event/.exec(PAGE) ?? [];
  const dispatch = githubDispatch(event());
  expect(type).toBe(dispatch.event_type);
  expect(namesIn(named).length).toBeGreaterThan(3);
  for (const name of namesIn(named)) expect(dispatch.client_payload).toHaveProperty([name]);
});

describe('the keys of an endpoint', () => {
  it('are all there, and no other', () => {
    const renamed: Readonly<Record<string, string>> = { timeoutMs: 'timeoutSeconds', giveUpAfterMs: 'giveUpAfterDays' };
    const [parsed = {}] = endpointsOf(written({}));
    expect(KEYS.map(({ key }) => key).sort()).toEqual(
      Object.keys(parsed)
        .map((key) => renamed[key] ?? key)
        .sort(),
    );
  });

  it.each(KEYS.filter(({ type }) => ['whole number', 'boolean', 'word', 'word or template'].includes(type)))(
    '$key is $otherwise by itself',
    ({ key, otherwise }) => {
      const word = otherwise.replaceAll('`', '');
      const value: unknown = /^(?:\d+|true|false)$/.test(word) ? JSON.parse(word) : word;
      expect(endpointsOf(written({ [key]: value }))).toEqual(endpointsOf(written({})));
    },
  );

  it('wants the events by itself that it says', () => {
    const otherwise = KEYS.find(({ key }) => key === 'events')?.otherwise ?? '';
    expect(endpointsOf(written({}))[0]?.events).toEqual(new Set(namesIn(otherwise)));
  });

  it.each(KEYS.filter(({ type }) => type === 'whole number'))(
    '$key is at most what it says: $text',
    ({ key, text }) => {
      const most = Number(/up to (\d+)/.exec(text)?.[1]);
      expect([0, 1, most, most + 1].map((value) => isTaken({ [key]: value }))).toEqual([false, true, true, false]);
    },
  );

  it('has as many headers and secrets as it says', () => {
    const most = Number(/^Up to (\d+)/.exec(KEYS.find(({ key }) => key === 'headers')?.text ?? '')?.[1]);
    const headers = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${String(index)}`, 'a']));
    const secrets = (count: number) => Array.from({ length: count }, () => ({ binding: 'A' }));
    expect([most, most + 1].map((count) => isTaken({ headers: headers(count) }))).toEqual([true, false]);
    expect([2, 3].map((count) => isTaken({ signingSecrets: secrets(count) }))).toEqual([true, false]);
  });

  it('takes each format that it names', () => {
    const names = namesIn(KEYS.find(({ key }) => key === 'format')?.text ?? '').filter((name) => !name.includes('{'));
    expect(names).toHaveLength(5);
    for (const format of names) expect(isTaken({ format }), format).toBe(true);
  });
});

test('every event has its row', () => {
  expect(rowsOf('## Events').map(([kind = '']) => namesIn(kind)[0])).toEqual(EVENT_KINDS);
});

test('every field of a template is named, and no other', () => {
  const named = namesIn(sectionOf('### Fields of a template')).filter((name) => name !== 'docker pull');
  expect([...named].sort()).toEqual([...FIELD_NAMES].sort());
});

test('everything that Berth adds to the form of distribution has its row', () => {
  const target = { ...manifestTarget(DIGEST), previousDigest: OTHER_DIGEST, subject: OTHER_DIGEST };
  const [told] = envelope([event('manifest.push', { target })], 'v2').events;
  const named = rowsOf('### The form of distribution').flatMap(([name = '']) => namesIn(name));
  expect([...named].sort()).toEqual(Object.keys(told?.berth ?? {}).sort());
});
