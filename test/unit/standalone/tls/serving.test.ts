/** What `npm start` says of its certificate and its address (standalone/tls/serving.ts). */
import { expect, it, onTestFinished } from 'vitest';
import { ServedTls } from '../../../../standalone/tls/serving.ts';
import type { Notice } from '../../../../standalone/terminal.ts';
import { Authority } from '../../../certificate-authority.ts';
import { Folder } from './pairs.ts';

const root = Authority.root();

/** The events of its warnings, where clients are sent to this address. */
function warnings(publicUrl: string, how: { trustedProxy?: boolean; proxySecrets?: string[] } = {}): string[] {
  const folder = new Folder();
  folder.write(root.issue({ name: 'a', hosts: ['a.example'] }));
  const texts = { 'tls-cert': folder.files.cert, 'tls-key': folder.files.key };
  const settings = new Map<string, string>(Object.entries(texts));
  const served = ServedTls.open((name) => settings.get(name));
  const said: Notice[] = [];
  const renewals = served?.watch(
    { publicUrl, trustedProxy: false, proxySecrets: [], ...how },
    { notice: (notice) => said.push(notice) },
  );
  onTestFinished(() => renewals?.close());
  return said.map(({ event }) => event);
}

it('warns of an address that is plain HTTP, or another name', () => {
  expect(warnings('https://a.example')).toEqual([]);
  expect(warnings('http://a.example')).toEqual(['plain-address']);
  expect(warnings('https://b.example')).toEqual(['certificate']);
});

it('does not where clients come through a proxy, whose address that is', () => {
  expect(warnings('http://b.example', { trustedProxy: true })).toEqual([]);
  expect(warnings('http://b.example', { proxySecrets: ['0'.repeat(32)] })).toEqual([]);
});
