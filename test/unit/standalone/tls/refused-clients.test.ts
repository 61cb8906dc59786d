/** What the log says of clients that come no further than TLS. */
import { expect, it } from 'vitest';
import { RefusedClients, whyOf } from '../../../../standalone/tls/refused-clients.ts';
import type { Notice } from '../../../../standalone/terminal.ts';

const NONE = { why: 'certificate', address: '192.0.2.7', certificate: undefined, reason: 'NO_CERTIFICATE' } as const;

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
      fields: {
        ...{ why: 'certificate', address: '192.0.2.7', reason: 'CERT_HAS_EXPIRED' },
        ...{ subject: 'O=Builders, CN=builder-7', others: 0 },
      },
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

it.each([
  [
    'distrust',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
    "it does not trust this registry's certificate (ERR_SSL_TLSV1_ALERT_UNKNOWN_CA); has it got the authority's?",
  ],
  ['handshake', 'ERR_SSL_UNSUPPORTED_PROTOCOL', 'it came to no agreement on TLS (ERR_SSL_UNSUPPORTED_PROTOCOL)'],
  [
    'plain',
    'NO_TLS',
    'it did not speak TLS, and this port speaks nothing else; its address has to begin with https://',
  ],
] as const)('tells of a %s that went wrong by %s', (why, reason, told) => {
  const { said, clients } = saying();
  clients.add({ why, address: '192.0.2.7', reason });
  expect(said).toEqual([
    {
      level: 'info',
      event: 'client-refused',
      message: `a client at 192.0.2.7 was refused: ${told}`,
      fields: { why, address: '192.0.2.7', reason, others: 0 },
    },
  ]);
});

it('lets a flood of one kind hide none of another', () => {
  const { said, clients } = saying();
  for (let times = 0; times < 10; times += 1) clients.add({ why: 'plain', address: '192.0.2.9', reason: 'NO_TLS' });
  clients.add(NONE);
  expect(said.map(({ fields }) => fields?.['why'])).toEqual(['plain', 'certificate']);
});

it.each([
  'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  'ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED',
])('takes %s for distrust, which no flood of broken handshakes hides', (reason) => {
  const { said, clients } = saying();
  for (const one of ['ECONNRESET', 'ERR_TLS_HANDSHAKE_TIMEOUT', reason])
    clients.add({ why: whyOf(one), address: '192.0.2.7', reason: one });
  expect(said.map(({ fields }) => fields?.['why'])).toEqual(['handshake', 'distrust']);
});
