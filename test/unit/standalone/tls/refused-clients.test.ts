/** What the log says of clients whose certificate will not do. */
import { expect, it } from 'vitest';
import { RefusedClients } from '../../../../standalone/tls/refused-clients.ts';
import type { Notice } from '../../../../standalone/terminal.ts';

const NONE = { address: '192.0.2.7', certificate: undefined, reason: 'NO_CERTIFICATE' };

function saying(): { said: Notice[]; clients: RefusedClients; pass: (ms: number) => void } {
  const said: Notice[] = [];
  let now = 1_000;
  const clients = new RefusedClients({ notice: (notice) => said.push(notice) }, () => now);
  return {
    said,
    clients,
    pass: (ms) => {
      now += ms;
    },
  };
}

it('names the certificate and what is wrong with it', () => {
  const { said, clients } = saying();
  clients.add({ ...NONE, certificate: { subject: 'O=Builders\nCN=builder-7' }, reason: 'CERT_HAS_EXPIRED' });
  expect(said).toEqual([
    {
      level: 'warn',
      event: 'client-refused',
      message:
        'a client at 192.0.2.7 was refused: the certificate of O=Builders, CN=builder-7 will not do (CERT_HAS_EXPIRED)',
      fields: { address: '192.0.2.7', reason: 'CERT_HAS_EXPIRED', subject: 'O=Builders, CN=builder-7', others: 0 },
    },
  ]);
});

it('says that there was none', () => {
  const { said, clients } = saying();
  clients.add(NONE);
  expect(said.map(({ message }) => message)).toEqual(['a client at 192.0.2.7 was refused: it showed no certificate']);
});

it('is one line for a flood, and the next one counts it', () => {
  const { said, clients, pass } = saying();
  for (let times = 0; times < 1_000; times += 1) clients.add(NONE);
  expect(said).toHaveLength(1);
  pass(10_000);
  clients.add(NONE);
  expect(said.map(({ fields }) => fields?.['others'])).toEqual([0, 999]);
});

it('lets a stranger’s name neither move the cursor nor fill the log', () => {
  const { said, clients } = saying();
  clients.add({ ...NONE, certificate: { subject: `CN=\u001b[2J${'x'.repeat(10_000)}` } });
  expect(said[0]?.message).toMatch(/^a client at 192\.0\.2\.7 was refused: the certificate of CN=\\x1b\[2Jx+ will/);
  expect(said[0]?.message.length).toBeLessThan(400);
});
