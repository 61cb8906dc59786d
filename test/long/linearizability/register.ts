/**
 * A tag as it is meant to be: one register that holds a digest or nothing, and operations that each take effect at one
 * moment between their request and their answer (Herlihy and Wing, Linearizability, 1990). What `PUT`, `GET`, `HEAD` and
 * `DELETE` of `/v2/<name>/manifests/<tag>` may answer follows from what the register holds at that moment. Pure.
 */

/** What a tag leads to: a digest, or nothing. */
export type Value = string | undefined;

/** `If-Match: "<digest>"`, or `If-None-Match: *` of a push that is to make the tag. */
export type Condition = { readonly kind: 'is'; readonly digest: string } | { readonly kind: 'is-absent' };

export type Call =
  | { readonly kind: 'read'; readonly method: 'GET' | 'HEAD' }
  | { readonly kind: 'put'; readonly digest: string; readonly condition?: Condition }
  | { readonly kind: 'delete'; readonly condition?: Condition };

/**
 * `done`: the tag was moved or deleted (201, 202). `seen`: what a read was answered, or the 404 of a delete.
 * `refused`: the condition did not hold, and what there was instead (412). `unknown`: no answer, or a 5xx: it may have
 * taken effect at any time up to `until`, or never.
 */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'seen'; readonly value: Value }
  | { readonly kind: 'refused'; readonly current: Value }
  | { readonly kind: 'unknown'; readonly until: number };

/** Times are milliseconds of one monotonic clock. */
export interface Operation {
  readonly client: number;
  readonly call: Call;
  readonly invoked: number;
  readonly returned: number;
  readonly outcome: Outcome;
}

/** What the register holds after the operation with its outcome; `impossible` where it cannot have had that one. */
export function step({ call, outcome }: Operation, value: Value): { readonly value: Value } | 'impossible' {
  const isPossible = ((): boolean => {
    switch (outcome.kind) {
      case 'done':
      case 'unknown':
        if (call.kind === 'read') return outcome.kind === 'unknown';
        return holds(call.condition, value) && (call.kind === 'put' || value !== undefined);
      case 'seen':
        return call.kind !== 'put' && outcome.value === value && (call.kind === 'read' || value === undefined);
      case 'refused':
        if (call.kind === 'read' || call.condition === undefined || outcome.current !== value) return false;
        // To delete what is not there is 404, whatever the condition.
        return !holds(call.condition, value) && (call.kind === 'put' || value !== undefined);
    }
  })();
  if (!isPossible) return 'impossible';
  if (!changes({ call, outcome })) return { value };
  return { value: call.kind === 'put' ? call.digest : undefined };
}

/** Whether the operation may leave the register other than it was. */
export function changes({ call, outcome }: Pick<Operation, 'call' | 'outcome'>): boolean {
  return call.kind !== 'read' && (outcome.kind === 'done' || outcome.kind === 'unknown');
}

function holds(condition: Condition | undefined, value: Value): boolean {
  if (condition === undefined) return true;
  return condition.kind === 'is' ? value === condition.digest : value === undefined;
}
