/** What a bench is asked for: its options, and the mistakes that are explained. */
import { describe, expect, test } from 'vitest';
import { accessBounds, parseAccessOptions } from '../../../bench/peer/access.ts';
import { isolationBounds, parseEventsOptions, throughputBounds } from '../../../bench/events/bench.ts';
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
      tls: false,
    });
  });

  test('are pushes and pulls where both speak TLS', () => {
    expect(parsePeerOptions(['--tls'])).toMatchObject({ only: ['push', 'pull'], tls: true });
    expect(parsePeerOptions(['--tls', '--only', 'pull'])).toMatchObject({ only: ['pull'] });
    expect(parsePeerOptions(['--tls', '--only', 'push,memory'])).toBe(
      '--tls is for push, pull, concurrent: give some of them by --only',
    );
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

describe('the bench of access', () => {
  test('is five runs of four seconds by default, and says what it does not take', () => {
    expect(parseAccessOptions([])).toEqual({ runs: 5, seconds: 4 });
    expect(parseAccessOptions(['--runs', '1', '--seconds', '1'])).toEqual({ runs: 1, seconds: 1 });
    expect(parseAccessOptions(['--seconds', '0'])).toBe('--seconds wants at least 1');
  });

  test('compares each way with the registry that asks nobody', () => {
    const samples = [
      { name: 'open to all', milliseconds: [1, 1, 1] },
      { name: 'slow', milliseconds: [2, 2, 2] },
      { name: 'level', milliseconds: [1, 1.02, 1.01] },
    ];
    const ways = [
      { name: 'slow', limit: 0.8 },
      { name: 'level', limit: 0.97 },
    ];
    const bounds = accessBounds({ connections: 16, samples }, ways, { load: 0, cores: 2, scale: 1 });
    expect(bounds).toMatchObject([
      { measure: 'HEAD tag slow, 16 connections', value: 0.5, limit: 0.8, verdict: 'FAILS' },
      { measure: 'HEAD tag level, 16 connections', limit: 0.97, verdict: 'holds' },
    ]);
  });
});

describe('the bench of events', () => {
  const QUIET = { load: 0, cores: 2, scale: 1 };

  test('is five runs of four seconds of everything by default, and says what it does not take', () => {
    expect(parseEventsOptions([])).toEqual({ runs: 5, seconds: 4 });
    expect(parseEventsOptions(['--only', 'isolation'])).toMatchObject({ only: 'isolation' });
    expect(parseEventsOptions(['--only', 'queue'])).toBe('--only wants throughput or isolation');
  });

  test('holds queue and log to a thousand events a second, by their median', () => {
    const samples = (milliseconds: readonly number[]) => [
      { name: 'log alone', milliseconds: [0.1] },
      { name: 'queue and log', milliseconds },
    ];
    expect(throughputBounds(samples([0.5, 1, 3]), QUIET)).toMatchObject([
      { measure: 'events a second, queue and log', value: 1_000, verdict: 'holds' },
    ]);
    expect(throughputBounds(samples([0.5, 1.1, 1.2]), QUIET)).toMatchObject([{ verdict: 'FAILS' }]);
    expect(throughputBounds(samples([0.5]), { ...QUIET, load: 2 })).toMatchObject([{ verdict: 'void' }]);
    expect(throughputBounds([], QUIET)).toEqual([]);
  });

  test('holds an endpoint beside bad ones to 1.2 of its time alone', () => {
    const samples = (beside: number) => [
      { name: 'alone', milliseconds: [10, 10, 11] },
      { name: 'beside', milliseconds: [beside] },
    ];
    expect(isolationBounds(samples(12), QUIET)).toMatchObject([{ value: 1.2, verdict: 'holds' }]);
    expect(isolationBounds(samples(12.5), QUIET)).toMatchObject([{ value: 1.25, verdict: 'FAILS' }]);
    expect(isolationBounds([], QUIET)).toEqual([]);
  });
});
