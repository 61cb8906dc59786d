/** An event in one line that a person reads, and the body in which Slack takes it. */
import { fieldOf } from './event-fields.ts';
import type { LoggedKind, RegistryEvent } from './event.ts';

const VERBS: Readonly<Record<LoggedKind, string>> = {
  'manifest.push': 'pushed',
  'manifest.pull': 'pulled',
  'manifest.delete': 'deleted',
  'blob.push': 'pushed a layer of',
  'blob.pull': 'pulled a layer of',
  'blob.mount': 'mounted a layer in',
  'blob.delete': 'deleted a layer of',
  'tag.delete': 'deleted the tag',
  'repository.create': 'created',
  'repository.empty': 'emptied',
};
/** `sha256:` and twelve digits say enough to a person. */
const DIGEST_CHARACTERS = 19;

/** `alice pushed team/app:1.2 (sha256:0123456789ab)` */
export function sentence(event: RegistryEvent): string {
  const { kind, repository, cause, target } = event;
  if (kind === 'ping')
    return `This is a ping of the registry at ${new URL(cause.origin).host}: its messages arrive here`;
  const who = cause.actor.name ?? cause.actor.kind;
  const name = target.tag === undefined ? repository : `${repository}:${target.tag}`;
  const digest = target.digest === undefined ? '' : ` (${target.digest.slice(0, DIGEST_CHARACTERS)})`;
  return `${who} ${VERBS[kind]} ${name}${digest}`;
}

/** Slack reads `<`, `>` and `&` as its own marks (its "Escaping text"). */
export function slackMessage(event: RegistryEvent): { text: string } {
  const escaped = sentence(event).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { text: escaped };
}

/** GitHub's `repository_dispatch`: ten properties at most, so the fields that a deployment needs. */
export function githubDispatch(event: RegistryEvent): { event_type: string; client_payload: Record<string, unknown> } {
  const fields = ['id', 'time', 'action', 'repository', 'tag', 'digest', 'previousDigest', 'image', 'actor'] as const;
  return {
    event_type: `berth.${event.kind}`,
    client_payload: Object.fromEntries(fields.map((name) => [name, fieldOf(event, name) ?? null])),
  };
}
