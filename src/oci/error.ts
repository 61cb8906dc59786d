/**
 * The one table of error codes (distribution-spec, "Error Codes", and Docker's registry API for those that clients
 * still know; CONFLICT, NOT_FOUND and REQUEST_INVALID are the admin API's own), and the one error that carries them to a client.
 */

export const ERRORS = {
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to this repository' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to this registry' },
  CONFLICT: { status: 409, message: 'this cannot be done as things are' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  MANIFEST_BLOB_UNKNOWN: { status: 404, message: 'manifest references a manifest or blob unknown to this repository' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown to this repository' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to this registry' },
  NOT_FOUND: { status: 404, message: 'there is no such thing' },
  PAGINATION_NUMBER_INVALID: { status: 400, message: 'n must be a whole number of at least 0' },
  RANGE_INVALID: { status: 416, message: 'the requested range cannot be satisfied' },
  REQUEST_INVALID: { status: 400, message: 'the body is not what is asked for' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  TAG_INVALID: {
    status: 400,
    message: 'a tag is up to 128 letters, digits, _ . or -, and starts with none of . and -',
  },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  UNAVAILABLE: { status: 503, message: 'the registry cannot serve this just now; try again' },
  UNKNOWN: { status: 500, message: 'unknown error' },
  UNSUPPORTED: { status: 405, message: 'the operation is unsupported' },
} as const satisfies Readonly<Record<string, { status: number; message: string }>>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptions {
  /** What helps the client, in the form that the code asks for. */
  detail?: unknown;
  /** In place of the table's message: what happened here, and what to do. */
  message?: string;
  /** In place of the table's status. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** Thrown in http/ and auth/ alone; everything below answers with values. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}
