/** Why nobody could listen: one line each, and never a command that would serve something else. */
import { expect, test } from 'vitest';
import { listenFailure } from '../../../standalone/port.ts';

const said = (code: string): string => listenFailure(code, '10.0.0.1', 443, undefined).message;

test('a taken port is told with both ways of choosing another', () => {
  expect(said('EADDRINUSE')).toBe('port 443 is taken; choose another: --port N or BERTH_PORT=N');
});

test('a port that takes a right is told with the name of that right', () => {
  expect(said('EACCES')).toMatch(/^port 443 needs a right .* CAP_NET_BIND_SERVICE .* --port N or BERTH_PORT=N$/);
});

test.each(['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'])(
  'on %s no command is named that leaves out the other settings of this start',
  (code) => {
    expect(said(code)).not.toContain('npm start');
  },
);
