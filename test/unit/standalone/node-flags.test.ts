import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NODE_FLAGS, PROGRAM } from '../../../standalone/node-flags.ts';

test('npm start gives Node the flags that tests and the bench give it', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8');
  expect(text).toContain(`/node ${NODE_FLAGS.join(' ')} ${PROGRAM}"`);
});

test('the proxy gets the same flags, however it is started', () => {
  const read = (path: string): string => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8');
  expect(read('package.json')).toContain(`/node ${NODE_FLAGS.join(' ')} scripts/proxy.mjs"`);
  expect(read('scripts/berth')).toContain(`/node" ${NODE_FLAGS.join(' ')} "$root/scripts/proxy.mjs"`);
});
