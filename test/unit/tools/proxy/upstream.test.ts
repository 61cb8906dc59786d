/** The registry over TLS, and the words for what goes wrong on the way to it. */
import { createServer } from 'node:https';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeFailure } from '../../../../tools/proxy/upstream-failure.ts';
import { Upstream } from '../../../../tools/proxy/upstream.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import { listening } from './upload-server.ts';

const NEVER = new AbortController().signal;

async function startTls(): Promise<string> {
  const server = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
    response.end(request.headers.host);
  });
  const { port } = await listening(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return port;
}

async function ask(url: string, ca?: string): Promise<string> {
  const upstream = new Upstream(new URL(url), ca);
  onTestFinished(() => {
    upstream.close();
  });
  const outcome = await upstream.exchange({ method: 'GET', path: '/v2/', headers: ['Host', 'h'], signal: NEVER });
  return outcome.kind === 'answered' ? outcome.answer.body.toString() : outcome.reason;
}

describe('a registry over TLS', () => {
  it('is trusted by the certificate that was named', async () => {
    expect(await ask(`https://localhost:${await startTls()}`, CERTIFICATE)).toBe('h');
  });

  it('is not trusted without', async () => {
    const port = await startTls();
    expect(await ask(`https://localhost:${port}`)).toBe(
      `https://localhost:${port} has a certificate that is not trusted here (DEPTH_ZERO_SELF_SIGNED_CERT); --ca FILE names the certificate that signed it`,
    );
  });

  it('is not trusted either where the environment asks for that', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    expect(await ask(`https://localhost:${await startTls()}`)).toContain('is not trusted here');
  });

  it('has to be the one that its certificate names', async () => {
    expect(await ask(`https://127.0.0.1:${await startTls()}`, CERTIFICATE)).toContain(
      'has a certificate for another name than 127.0.0.1',
    );
  });

  it('that is asked over plain HTTP, or the other way round, is recognised', async () => {
    const port = await startTls();
    expect(await ask(`http://localhost:${port}`)).toMatch(/broke the connection off|does not speak HTTP/);
  });
});

describe('what a person reads', () => {
  const https = new URL('https://r.example:5000');
  const failure = (code: string): Error => Object.assign(new Error('as the system says'), { code });

  it.each([
    ['ENOTFOUND', "can't be reached: the name r.example is not known here; look for a typing error, or at the network"],
    ['ECONNREFUSED', "can't be reached: nobody listens there; look at the name and the port"],
    ['ETIMEDOUT', "can't be reached: no answer from there (ETIMEDOUT); look at the network"],
    ['ECONNRESET', 'broke the connection off'],
    ['CERT_HAS_EXPIRED', 'has a certificate that has expired; or the clock of this machine is wrong'],
    ['EPROTO', 'does not speak TLS; is it http://r.example:5000?'],
    ['ESOMETHING', 'failed: as the system says'],
  ])('of %s', (code, words) => {
    expect(describeFailure(failure(code), https)).toBe(`https://r.example:5000 ${words}`);
  });

  it('of a name with several addresses is of the first', () => {
    const both = new AggregateError([failure('ECONNREFUSED'), failure('ENETUNREACH')]);
    expect(describeFailure(both, https)).toContain('nobody listens there');
  });

  it('of an answer that is no HTTP is a question', () => {
    expect(describeFailure(failure('HPE_INVALID_CONSTANT'), new URL('http://r.example'))).toBe(
      'http://r.example does not speak HTTP; is it https://r.example?',
    );
  });
});
