/** What is made of an event: distribution's envelope, CloudEvents, messages for people, and templates. */
import { describe, expect, it, test } from 'vitest';
import { githubDispatch, sentence, slackMessage } from '../../../src/notifications/chat-message.ts';
import { cloudEvent } from '../../../src/notifications/cloud-event.ts';
import { envelope } from '../../../src/notifications/distribution-envelope.ts';
import { boundedCause, boundedTarget, EVENT_KINDS } from '../../../src/notifications/event.ts';
import { renderedBody } from '../../../src/notifications/rendering.ts';
import { parseTemplate, render, type Template } from '../../../src/notifications/template.ts';
import { DIGEST, event, manifestTarget, name, OTHER_DIGEST, tag } from './events.ts';

describe("distribution's envelope", () => {
  it('has every field of a push, and what Berth adds in an object of its own', () => {
    const pushed = event('manifest.push', { target: { ...manifestTarget(DIGEST), previousDigest: OTHER_DIGEST } });
    expect(envelope([pushed], 'v2')).toEqual({
      events: [
        {
          id: '019b7c8f-0000-7000-8000-000000000001',
          timestamp: '2026-01-02T03:04:05.678Z',
          action: 'push',
          target: {
            mediaType: 'application/vnd.oci.image.manifest.v1+json',
            digest: DIGEST,
            size: 524,
            length: 524,
            repository: 'team/app',
            url: `https://berth.example/v2/team/app/manifests/${DIGEST}`,
            tag: '1.2',
          },
          request: {
            id: '2f1d0c6e-9a52-4a5b-8f6c-0d8a0b8a7c11',
            addr: '192.0.2.7',
            host: 'berth.example',
            method: 'PUT',
            useragent: 'docker/28.2',
          },
          actor: { name: 'alice' },
          source: { addr: 'berth.example', instanceID: 'd1' },
          berth: {
            version: 1,
            kind: 'manifest.push',
            repository: 'team/app',
            incarnation: 'b0c9b7b0-5d0e-4a4e-9e0c-4f6f8f1a2b3c',
            sequence: 7,
            actorKind: 'user',
            previousDigest: OTHER_DIGEST,
          },
        },
      ],
    });
  });

  it('tells a delete as each version of distribution does', () => {
    const byDigest = event('manifest.delete', { target: { digest: DIGEST } });
    const ofTag = event('tag.delete', { target: { tag: tag('1.2') } });
    const targets = (version: 'v1' | 'v2') => envelope([byDigest, ofTag], version).events.map(({ target }) => target);
    expect(targets('v1')).toEqual([
      { digest: DIGEST, repository: 'team/app' },
      { repository: 'team/app', tag: '1.2' },
    ]);
    expect(targets('v2')).toEqual([
      { mediaType: '', digest: DIGEST, size: 0, repository: 'team/app' },
      { mediaType: '', digest: '', size: 0, repository: 'team/app', tag: '1.2' },
    ]);
  });

  it('tells a mount with where it came from, and a blob by the address of a blob', () => {
    const target = {
      mediaType: 'application/octet-stream',
      digest: DIGEST,
      size: 5,
      fromRepository: name('team/base'),
    };
    const [mounted] = envelope([event('blob.mount', { target })], 'v1').events;
    expect(mounted).toMatchObject({
      action: 'mount',
      target: { fromRepository: 'team/base', url: `https://berth.example/v2/team/app/blobs/${DIGEST}`, length: 5 },
    });
  });

  it('has an empty actor for who has no name, and no sequence for what nothing counts', () => {
    const { cause, sequence: _, ...rest } = event('manifest.pull');
    const { address: _address, ...unknownAddress } = cause;
    const pulled = { ...rest, cause: { ...unknownAddress, actor: { kind: 'anonymous' } } };
    const [told] = envelope([pulled], 'v2').events;
    expect(told?.actor).toEqual({});
    expect(told?.request).not.toHaveProperty('addr');
    expect(told?.berth).not.toHaveProperty('sequence');
  });
});

test('a CloudEvent names its repository, its kind and its place in the order', () => {
  expect(cloudEvent(event())).toMatchObject({
    specversion: '1.0',
    id: '019b7c8f-0000-7000-8000-000000000001',
    source: 'https://berth.example/v2/team/app',
    type: 'dev.berth.registry.manifest.push',
    subject: '1.2',
    time: '2026-01-02T03:04:05.678Z',
    datacontenttype: 'application/json',
    partitionkey: 'team/app',
    sequence: '0000000000000007',
    data: { action: 'push', target: { tag: '1.2' } },
  });
});

describe('a message', () => {
  it.each(EVENT_KINDS)('of %s is one sentence', (kind) => {
    expect(sentence(event(kind))).toMatch(/^alice [a-z ]+ team\/app:1\.2 \(sha256:0123456789ab\)$/);
  });

  it("for Slack has none of Slack's own marks", () => {
    const cause = { ...event().cause, actor: { kind: 'user', name: '<!channel> & co' } };
    expect(slackMessage(event('manifest.push', { cause })).text).toMatch(/^&lt;!channel&gt; &amp; co pushed/);
  });

  it('for GitHub has ten properties at most', () => {
    const { event_type: type, client_payload: payload } = githubDispatch(event());
    expect(type).toBe('berth.manifest.push');
    expect(payload).toMatchObject({ repository: 'team/app', tag: '1.2', image: 'berth.example/team/app:1.2' });
    expect(Object.keys(payload).length).toBeLessThanOrEqual(10);
  });
});

describe('a template', () => {
  it('places fields in strings, and nowhere else', () => {
    const template = parsed({
      content: '{actor} pushed {image}',
      sizes: ['{size}', 'of {size} bytes', 3, true, null],
      nothing: '{fromRepository}',
      inText: '[{fromRepository}]',
      braces: '{{tag}}',
      '{tag}': 'a key is not looked at',
    });
    expect(render(template, event())).toEqual({
      content: 'alice pushed berth.example/team/app:1.2',
      sizes: [524, 'of 524 bytes', 3, true, null],
      nothing: null,
      inText: '[]',
      braces: '{tag}',
      '{tag}': 'a key is not looked at',
    });
  });

  it('is not looked through again: what an event says is no template', () => {
    const cause = { ...event().cause, actor: { kind: 'user', name: '{digest}"}' } };
    expect(render(parsed({ text: 'by {actor}' }), event('manifest.push', { cause }))).toEqual({
      text: 'by {digest}"}',
    });
  });

  it.each([
    [{ text: '{tags}' }, 'has no field {tags}; there are id, time'],
    [{ text: '{constructor}' }, 'has no field {constructor}'],
    [{ text: 'a { b' }, 'has a single {'],
    [{ text: 'a } b' }, 'has a single }'],
    ['{"a":', 'JSON'],
    [nested(20), 'levels deep'],
  ])('%j is refused: %s', (given, reason) => {
    const result = parseTemplate(given);
    expect(result.ok ? 'taken' : result.message).toContain(reason);
  });
});

it('a template that makes too much of an event is told, and nothing is sent of it', () => {
  const format = parsed({ text: '{url} '.repeat(2_500) });
  const rendered = () => renderedBody({ format, batch: 1, references: false }, [event()]);
  expect(rendered).toThrow('let it place less');
});

describe('what is of any length', () => {
  it('is cut where a client wrote it', () => {
    const long = { ...event().cause, userAgent: 'a'.repeat(10_000), actor: { kind: 'user', name: 'b'.repeat(1_000) } };
    const { userAgent, actor } = boundedCause(long);
    expect([userAgent.length, actor.name?.length]).toEqual([512, 255]);
    // A host may have as many characters as it likes where no setting says it.
    expect(boundedCause({ ...long, origin: `http://${'h'.repeat(300)}` }).origin).toBe('https://registry.invalid');
  });

  it('is left out where it is a list, so that no message is too long for a Queue', () => {
    const descriptor = { mediaType: 'a/b', digest: DIGEST, size: 1 };
    // Of two bytes each.
    const annotations = { note: '\u00e9'.repeat(10_000) };
    const long = { ...manifestTarget(DIGEST), annotations, references: Array.from({ length: 101 }, () => descriptor) };
    expect(boundedTarget(long)).toEqual(manifestTarget(DIGEST));
    const short = { ...manifestTarget(DIGEST), annotations: { a: 'b' }, references: [descriptor] };
    expect(boundedTarget(short)).toEqual(short);
    const wordy = Array.from({ length: 100 }, () => ({ ...descriptor, mediaType: `a/${'b'.repeat(250)}` }));
    expect(boundedTarget({ ...short, references: wordy }).references).toBeUndefined();
  });
});

function parsed(given: unknown): Template {
  const result = parseTemplate(given);
  if (!result.ok) throw new Error(result.message);
  return result.template;
}

function nested(depth: number): unknown {
  return depth === 0 ? 'end' : { inside: nested(depth - 1) };
}
