/** What a registry's answer to `GET /v2/` tells (distribution-spec, end-1; distribution, "API Version Check"). Pure. */
import { parseChallenge } from '../registry/challenge.ts';
import { errorIn } from '../registry/error-answer.ts';
import { quoted } from '../registry/outcome.ts';
import { judgeRealm } from '../registry/realm.ts';
import { isOnThisMachine } from './arguments.ts';
import { failed, ok, type Verdict } from './verdict.ts';

export interface Greeting {
  readonly status: number;
  readonly version: string | undefined;
  readonly contentType: string | undefined;
  readonly server: string | undefined;
  readonly location: string | undefined;
  readonly challenge: string | undefined;
  /** The beginning of the body. */
  readonly text: string;
}

const VERSION = 'registry/2.0';

export function judgeGreeting(url: URL, greeting: Greeting): Verdict {
  const { status, version, contentType = '', server } = greeting;
  const who = server === undefined ? '' : ` (Server: ${quoted(server)})`;
  const answers = `GET /v2/ is answered with ${String(status)}${who}`;
  if (status === 200 || status === 401) {
    if (version?.includes(VERSION) === true)
      return ok(status === 200 ? 'a registry, which lets everyone ask' : 'a registry, which wants to know who asks');
    if (contentType.includes('text/html') && status === 200)
      return failed(
        `there is a web page at /v2/, and no registry${who}`,
        'Look at the address, or at what the proxy passes on: /v2/ and all below it.',
      );
    return ok(
      status === 200 ? 'a registry, it seems' : 'a registry, it seems, which wants to know who asks',
      `It says no Docker-Distribution-API-Version: ${VERSION}, which older clients look for${who}; a proxy that answers itself has to add it.`,
    );
  }
  if (status >= 300 && status < 400) return judgeRedirect(url, answers, greeting.location);
  const said = errorIn(greeting.text) ?? '';
  const says = said === '' ? '' : `, ${JSON.stringify(said)}`;
  switch (status) {
    case 400:
      if (url.protocol === 'http:' && /https/i.test(greeting.text))
        return failed('it wants https', `npm run doctor -- https://${url.host}`);
      break;
    case 403:
      if (/certificate/i.test(said))
        return failed(
          `${answers}${says}`,
          'Show one: --cert FILE and --key FILE, of an authority that it trusts. Docker has them as client.cert and client.key in /etc/docker/certs.d/.',
        );
      return failed(
        `${answers}${says}: nobody is let in, and nobody is asked who comes`,
        'Clients sign in only after a 401: see to what stands in front (its access list, its firewall), or to a Berth that is open on its own machine alone.',
      );
    case 404:
      return failed(
        `${answers}: there is no registry at this address`,
        'Docker asks at the root of a host alone: have the proxy pass on /v2/ with its path unchanged, or look at the address.',
      );
    case 502:
    case 503:
    case 504:
      return failed(
        `${answers}: what stands there has no registry behind it now`,
        'Start the registry, or look at where the proxy passes requests on to; its log names the reason.',
      );
  }
  return failed(
    `${answers}${says}, as no registry answers`,
    'Look at the address, and at the log of what answers there.',
  );
}

function judgeRedirect(url: URL, answers: string, location = ''): Verdict {
  const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const where = target === undefined ? 'elsewhere' : quoted(target.origin);
  const isForHttps = target?.protocol === 'https:' && url.protocol === 'http:';
  return failed(
    `${answers}, which leads to ${where}`,
    isForHttps || target?.origin !== url.origin
      ? `Give that address: npm run doctor -- ${where}; clients do not follow it in a push.`
      : 'See to the proxy: it changes the path.',
  );
}

/** What is asked of who signs in; `realm` is where a token is given. */
export interface Challenged {
  readonly verdict: Verdict;
  readonly realm?: URL;
}

export function judgeChallenge(url: URL, { status, challenge }: Pick<Greeting, 'status' | 'challenge'>): Challenged {
  if (status !== 401) return { verdict: ok('nobody is asked to sign in for that') };
  const asked = challenge === undefined ? undefined : parseChallenge(challenge);
  if (asked === undefined)
    return {
      verdict: failed(
        challenge === undefined
          ? 'a 401 comes without WWW-Authenticate, so no client can sign in'
          : 'WWW-Authenticate asks in a way that docker does not know',
        'Have the proxy leave WWW-Authenticate as the registry sends it, or send Basic realm="…" itself.',
      ),
    };
  if (asked.kind === 'basic') {
    const note =
      url.protocol === 'https:' || isOnThisMachine(url)
        ? undefined
        : 'The password goes over plain HTTP, for everyone on the way to read.';
    return { verdict: ok('it asks for a user and a password', note) };
  }
  const judged = judgeRealm(url, asked.realm);
  if (judged.ok) return { verdict: ok(`it asks for a token of ${judged.url.host}`), realm: judged.url };
  return {
    verdict: failed(
      judged.reason,
      'Have the registry say how it is reached: --public-url (BERTH_PUBLIC_URL), or X-Forwarded-Proto from a proxy that it knows by a secret (BERTH_PROXY_SECRET) or, of one without, trusts (BERTH_TRUSTED_PROXY=on).',
    ),
  };
}
