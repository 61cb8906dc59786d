/** The filesystem driver keeps the storage contract, on real files (test/file-service.ts serves them). */
import { env } from 'cloudflare:workers';
import { FilesystemDriver } from '../../../src/storage/filesystem.ts';
import { storageContract } from './contract.ts';

storageContract('the filesystem', () => new FilesystemDriver({ FILES: env.TEST_FILES, DISK: env.TEST_DISK }));
