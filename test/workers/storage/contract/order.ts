/** What a long run asks of the contract beyond a test run (test/long/storage.ts): other chances, a larger object. */
import { inject } from 'vitest';

export interface ContractOrder {
  /** For what is drawn by chance: a failure prints it. */
  seed: number;
  /** The object that is larger than memory may be. */
  largeBytes: number;
  largePartBytes: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    storageContract?: ContractOrder;
  }
}

const MIB = 1024 * 1024;

export const order: ContractOrder = inject('storageContract') ?? {
  seed: 20_260_730,
  largeBytes: 64 * MIB + 12_345,
  largePartBytes: 8 * MIB,
};
