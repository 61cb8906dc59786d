/** The Worker's entry: wiring only. */
import { handle } from './http/app.ts';

export { Accounts } from './objects/accounts/accounts.ts';
export { BlobDirectory } from './objects/blob-directory/blob-directory.ts';
export { Catalog } from './objects/catalog/catalog.ts';
export { Repository } from './objects/repository/repository.ts';
export { Upload } from './objects/upload/upload.ts';

export default {
  fetch: (request, env, execution) => handle(request, env, execution),
} satisfies ExportedHandler<Env>;
