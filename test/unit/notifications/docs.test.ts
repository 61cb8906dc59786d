/** docs/notifications.md, compared with the code: its documents, its tables, and the line in its chat. */
import { describe, expect, it, test } from 'vitest';
import { githubDispatch, sentence } from '../../../src/notifications/chat-message.ts';
import { envelope } from '../../../src/notifications/distribution-envelope.ts';
import { parseEndpoints, type EndpointDocument } from '../../../src/notifications/endpoint-document.ts';
import { FIELD_NAMES, fieldOf, isFieldName } from '../../../src/notifications/event-fields.ts';
import { EVENT_KINDS } from '../../../src/notifications/event.ts';
import { renderedBody } from '../../../src/notifications/rendering.ts';
import { DIGEST, event, manifestTarget, name, OTHER_DIGEST } from './events.ts';
import { blocksOf, documentOf, namesIn, PAGE, rowsOf } from './notifications-page.ts';

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

test('a chat is told by a template who pushed, also somebody without a name', () => {
  const cause = { ...event().cause, actor: { kind: 'anonymous' } };
  const [discord] = blocksOf('json').filter((block) => block.includes('"discord"'));
  const [endpoint] = endpointsOf(documentOf(discord ?? ''));
  if (endpoint === undefined) throw new Error('the page has a document for Discord');
  const { body } = renderedBody(endpoint, [event('manifest.push', { cause })]);
  expect(body).toBe('{"content":"anonymous pushed berth.example/team/app:1.2"}');
});

test('a ping tells a chat what the page says', () => {
  const cause = { ...event().cause, origin: 'https://registry.example.com', actor: { kind: 'berth', name: 'ping' } };
  const told = sentence(event('ping', { cause, target: {} }));
  expect(PAGE.replaceAll(/\s+/g, ' ')).toContain(`tells Slack \`${told}\``);
  expect(isTaken({ events: ['ping'] })).toBe(false);
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

describe('the fields of a template', () => {
  const ROWS = rowsOf('### Fields of a template').map(([field = '', , empty = '']) => ({
    field: namesIn(field)[0] ?? '',
    empty,
  }));

  it('are all there, and no other', () => {
    expect(ROWS.map(({ field }) => field).sort()).toEqual([...FIELD_NAMES].sort());
  });

  it('are empty where the page says, of an event that names nothing, and else never', () => {
    const { sequence: _, ...rest } = event('manifest.pull', { target: {} });
    const least = { ...rest, cause: { ...rest.cause, requestId: '', actor: { kind: 'local' } } };
    const target = {
      ...manifestTarget(DIGEST),
      previousDigest: OTHER_DIGEST,
      artifactType: 'a/b',
      fromRepository: name('a'),
    };
    for (const { field, empty } of ROWS) {
      if (!isFieldName(field)) throw new Error(`there is no field ${field}`);
      expect(fieldOf(least, field) === undefined, field).toBe(empty !== 'nothing');
      expect(fieldOf(event('blob.mount', { target }), field), field).toBeDefined();
    }
  });
});

test('everything that Berth adds to the form of distribution has its row', () => {
  const target = { ...manifestTarget(DIGEST), previousDigest: OTHER_DIGEST, subject: OTHER_DIGEST };
  const [told] = envelope([event('manifest.push', { target })], 'v2').events;
  const named = rowsOf('### The form of distribution').flatMap(([name = '']) => namesIn(name));
  expect([...named].sort()).toEqual(Object.keys(told?.berth ?? {}).sort());
});
