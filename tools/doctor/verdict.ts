/** What a check found. Its words are for people: what is so, and where it is wrong, what to do. Pure. */

export type Verdict =
  | { readonly status: 'ok'; readonly message: string; /** Worth knowing, and nothing wrong. */ readonly note?: string }
  | { readonly status: 'failed'; readonly message: string; readonly advice: string }
  | { readonly status: 'skipped'; readonly message: string };

export function ok(message: string, note?: string): Verdict {
  return { status: 'ok', message, ...(note === undefined ? {} : { note }) };
}

export function failed(message: string, advice: string): Verdict {
  return { status: 'failed', message, advice };
}

export function skipped(message: string): Verdict {
  return { status: 'skipped', message };
}
