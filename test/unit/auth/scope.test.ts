import { describe, expect, it } from 'vitest';
import { formatScope, parseScopes } from '../../../src/auth/scope.ts';

/** What a text asks for, as it would be written. */
const asked = (...texts: string[]): string | undefined => {
  const scope = parseScopes(texts);
  return scope === undefined ? undefined : formatScope(scope);
};

describe('a scope', () => {
  it.each([
    ['repository:a/b:pull', 'repository:a/b:pull'],
    ['repository:a/b:push,pull', 'repository:a/b:pull,push'],
    ['repository:a/b:*', 'repository:a/b:pull,push,delete'],
    ['repository:a/b:delete', 'repository:a/b:delete'],
    ['repository(plugin):a/b:pull', 'repository:a/b:pull'],
    ['repository():a/b:pull', 'repository:a/b:pull'],
    ['registry:catalog:*', 'registry:catalog:*'],
    ['repository:a:pull repository:b:push', 'repository:a:pull repository:b:push'],
    ['repository:a:pull repository:a:push repository:a:pull', 'repository:a:pull,push'],
    ['repository:a:pull registry:catalog:*', 'repository:a:pull registry:catalog:*'],
    ['  repository:a:pull  ', 'repository:a:pull'],
  ])('%s asks for %s', (text, canonical) => {
    expect(asked(text)).toBe(canonical);
  });

  it('may come in several parameters', () => {
    expect(asked('repository:a:pull', 'repository:b:pull')).toBe('repository:a:pull repository:b:pull');
    expect(asked()).toBe('');
    expect(asked('', '')).toBe('');
  });

  it.each([
    ...['repository:a', 'repository:a:', 'repository::pull', ':a:pull', 'a', ':', '::', 'repository:a:PULL'],
    ...[
      'repository:A:pull',
      'repository:../a:pull',
      'repository:a//b:pull',
      'repository:a/%62:pull',
      'repository:*:pull',
    ],
    // A name with its host is no name of this registry's.
    'repository:host.example:5000/a:pull',
    ...['repository:a":pull', 'repository:a\n:pull', 'repository:a\u0000:pull', 'repository:a:pull\nrepository:b:pull'],
    ...['plugin:a:pull', 'registry:catalog:pull', 'registry:other:*', 'registry:catalog', 'Repository:a:pull'],
    ...[
      'repository:a:pull:push:x y',
      'repository(a b):a:pull',
      'repository:a:admin',
      `repository:${'a'.repeat(256)}:pull`,
    ],
  ])('that Berth does not know asks for nothing: %j', (text) => {
    expect(asked(text)).toBe('');
  });

  it('of more characters or parts than anybody needs is none', () => {
    expect(
      asked(Array.from({ length: 64 }, (_, index) => `repository:a${String(index)}:pull`).join(' ')),
    ).toBeDefined();
    expect(asked(Array.from({ length: 65 }, () => 'repository:a:pull').join(' '))).toBeUndefined();
    expect(asked(...Array.from({ length: 65 }, () => 'repository:a:pull'))).toBeUndefined();
    expect(asked('x'.repeat(4_096))).toBe('');
    expect(asked('x'.repeat(4_097))).toBeUndefined();
  });
});
