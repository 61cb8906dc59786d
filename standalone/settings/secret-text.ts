/** A secret that somebody put into a file and named (`--admin-password-file F`). It must be nobody else's to read. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { unreadable } from '../setting-file.ts';
import { systemErrorCode } from '../start-failure.ts';

const READABLE_BY_OTHERS = 0o004;
const LONGEST_BYTES = 65_536;

export type SecretText =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'refused'; readonly why: string };

/** @param mode as stat(2) has it */
export function isOpenToOthers(mode: number): boolean {
  return (mode & READABLE_BY_OTHERS) !== 0;
}

export function readSecretText(file: string): SecretText {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { mode, size } = fstatSync(descriptor);
      if (size > LONGEST_BYTES) return { kind: 'refused', why: `${file} is too large for a secret` };
      if (isOpenToOthers(mode))
        return { kind: 'refused', why: `${file} can be read by every user of this machine: chmod o-r ${file}` };
      const text = readFileSync(descriptor, 'utf8').replace(/[\r\n]+$/, '');
      return text === '' ? { kind: 'refused', why: `${file} is empty` } : { kind: 'text', text };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    return { kind: 'refused', why: unreadable(file, systemErrorCode(error)) };
  }
}
