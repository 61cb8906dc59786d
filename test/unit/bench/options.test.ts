/** What a bench is asked for: its options, and the mistakes that are explained. */
import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../bench/floor/options.ts';
import { CASE_NAMES, parsePeerOptions } from '../../../bench/peer/options.ts';

describe('the options of a comparison', () => {
  test('are five runs of every case by default', () => {
    expect(parsePeerOptions([])).toEqual({
      runs: 5,
      seconds: 4,
      scale: 1,
      only: [...CASE_NAMES],
      peer: [],
      large: false,
    });
  });

  test('name cases and other builds of distribution', () => {
    expect(parsePeerOptions(['--only', 'pull,push', '--peer', 'v3=/opt/registry', '--peer', 'mine=a=b'])).toMatchObject(
      {
        only: ['pull', 'push'],
        peer: [
          { name: 'v3', program: '/opt/registry' },
          { name: 'mine', program: 'a=b' },
        ],
      },
    );
  });

  test.each([
    [['--runs', '0'], '--runs wants at least 1'],
    [['--runs', 'many'], '--runs wants a whole number'],
    [['--scale', '1001'], '--scale wants at most 1000'],
    [['--only', 'push,memorie'], '--only wants names of push, pull, requests, concurrent, memory, joined by commas'],
    [['--only', ''], '--only wants names of push, pull, requests, concurrent, memory, joined by commas'],
    [['--peer', '/opt/registry'], '--peer wants a name and the path'],
    [['--sizes', '3'], "Unknown option '--sizes'"],
  ])('%j is a mistake that is explained', (given, message) => {
    expect(parsePeerOptions(given)).toContain(message);
  });
});

describe('the options of a run against the floor', () => {
  test('give the size in MB', () => {
    expect(parseOptions(['--size', '30', '--only', 'pull'])).toEqual({ runs: 5, size: 30_000_000, only: 'pull' });
  });

  test('name what they want', () => {
    expect(parseOptions(['--only', 'memory'])).toBe('--only wants push or pull');
  });
});
