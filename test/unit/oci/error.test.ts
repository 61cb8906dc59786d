import { describe, expect, it } from 'vitest';
import { ERRORS, RegistryError } from '../../../src/oci/error.ts';

describe('the table of errors', () => {
  it('has every code of the distribution spec', () => {
    expect(Object.keys(ERRORS)).toEqual(
      expect.arrayContaining([
        'BLOB_UNKNOWN',
        'BLOB_UPLOAD_INVALID',
        'BLOB_UPLOAD_UNKNOWN',
        'DIGEST_INVALID',
        'MANIFEST_BLOB_UNKNOWN',
        'MANIFEST_INVALID',
        'MANIFEST_UNKNOWN',
        'NAME_INVALID',
        'NAME_UNKNOWN',
        'SIZE_INVALID',
        'UNAUTHORIZED',
        'DENIED',
        'UNSUPPORTED',
        'TOOMANYREQUESTS',
      ]),
    );
  });

  it.each(Object.entries(ERRORS))('%s is written as the spec asks, with a status and a message', (code, entry) => {
    expect(code).toMatch(/^[A-Z_]+$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.status).toBeLessThan(600);
    expect(entry.message).not.toBe('');
  });

  it.each([
    ['MANIFEST_BLOB_UNKNOWN', 404],
    ['RANGE_INVALID', 416],
    ['UNAVAILABLE', 503],
    ['UNKNOWN', 500],
    ['UNAUTHORIZED', 401],
    ['DENIED', 403],
    ['TOOMANYREQUESTS', 429],
  ] as const)('%s is answered with %i', (code, status) => {
    expect(new RegistryError(code).status).toBe(status);
  });
});

describe('RegistryError', () => {
  it("says the table's message when it is given none", () => {
    const error = new RegistryError('NAME_UNKNOWN');
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'RegistryError',
      code: 'NAME_UNKNOWN',
      status: 404,
      message: ERRORS.NAME_UNKNOWN.message,
      detail: undefined,
      headers: {},
    });
  });

  it('carries what it is given in place of the table', () => {
    const cause = new Error('deeper');
    const options = {
      status: 413,
      message: 'at most 10 bytes',
      detail: { limit: 10 },
      headers: { 'retry-after': '1' },
      cause,
    };
    expect(new RegistryError('SIZE_INVALID', options)).toMatchObject({ code: 'SIZE_INVALID', ...options });
  });
});
