/** What SIGHUP does at each moment (standalone/hang-ups.ts). The event stands for the signal. */
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { HangUps } from '../../../standalone/hang-ups.ts';

let done: string[];
let isAtTerminal: boolean;

function listen(): HangUps {
  const others = process.listeners('SIGHUP');
  onTestFinished(() => {
    for (const listener of process.listeners('SIGHUP')) if (!others.includes(listener)) process.off('SIGHUP', listener);
  });
  return new HangUps({ stop: () => done.push('stop'), isAtTerminal: () => isAtTerminal });
}

const reload = (): unknown => done.push('reload');

beforeEach(() => {
  done = [];
  isAtTerminal = false;
});

it('is obeyed at once, each time', () => {
  listen().onReload(reload);
  process.emit('SIGHUP');
  expect(done).toEqual(['reload']);
  process.emit('SIGHUP');
  expect(done).toEqual(['reload', 'reload']);
});

it('is remembered, once, until somebody can obey', () => {
  const hangUps = listen();
  process.emit('SIGHUP');
  process.emit('SIGHUP');
  expect(done).toEqual([]);
  hangUps.onReload(reload);
  expect(done).toEqual(['reload']);
});

it('stops what has lost its terminal, and nothing else', () => {
  isAtTerminal = true;
  listen().onReload(reload);
  process.emit('SIGHUP');
  expect(done).toEqual(['reload']);
  isAtTerminal = false;
  process.emit('SIGHUP');
  expect(done).toEqual(['reload', 'stop']);
});
