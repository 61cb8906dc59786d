/** The Worker under test: the real one, with bindings that tests can interrupt (see faults.ts). */
import { handle } from '../../src/http/app.ts';
import { Accounts as RealAccounts } from '../../src/objects/accounts/accounts.ts';
import { BlobDirectory as RealBlobDirectory } from '../../src/objects/blob-directory/blob-directory.ts';
import { Catalog as RealCatalog } from '../../src/objects/catalog/catalog.ts';
import { Repository as RealRepository } from '../../src/objects/repository/repository.ts';
import { Upload as RealUpload } from '../../src/objects/upload/upload.ts';
import { wrapped } from './faults.ts';

export class Accounts extends RealAccounts {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Accounts', ctx));
  }
}

export class BlobDirectory extends RealBlobDirectory {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'BlobDirectory', ctx));
  }
}

export class Catalog extends RealCatalog {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Catalog', ctx));
  }
}

export class Repository extends RealRepository {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Repository', ctx));
  }
}

export class Upload extends RealUpload {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, wrapped(env, 'Upload', ctx));
  }
}

export default {
  fetch: (request, env, execution) => handle(request, wrapped(env, 'front'), execution),
} satisfies ExportedHandler<Env>;
