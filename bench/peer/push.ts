/**
 * Pushes of an image's layers, by three clients: as docker, podman and skopeo push (HEAD, POST, one PATCH of unknown
 * length, an empty PUT), as containerd and BuildKit do (POST, PUT with the whole body), both by a client that costs little
 * (http-client.ts), and once more by skopeo itself, whose own work is in its figures.
 */
import { pushLayers, type PushForm } from '../registry-client.ts';
import { alternate, type Contender } from '../timing.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { LayerSource, SHAPES, type Shape } from './layers.ts';
import { measured, type Measured } from './measured.ts';
import { forgetPayload } from './payload.ts';
import { withServers, type Server } from './server.ts';
import { Skopeo } from './skopeo.ts';

const REPOSITORY = 'bench/push';
const RAW: readonly { readonly name: string; readonly form: PushForm }[] = [
  { name: 'as docker', form: 'chunked' },
  { name: 'as containerd', form: 'whole' },
];

export async function comparePushes(context: CaseContext): Promise<CaseResult> {
  const all: Measured[] = [];
  for (const shape of SHAPES) {
    // New registries each time: what was pushed before must not be what a later push is measured with.
    all.push(...(await withServers(context.kinds, context.workspace, (servers) => measure(context, shape, servers))));
  }
  return { measured: all, bounds: [] };
}

async function measure(context: CaseContext, shape: Shape, servers: readonly Server[]): Promise<Measured[]> {
  const { options, workspace, log } = context;
  log(`push ${shape.name}`);
  const source = new LayerSource(shape, options.scale);
  const skopeo = new Skopeo(workspace);
  const clients = [
    ...RAW.map(({ name, form }) => ({
      name,
      served: servers,
      push: ({ address }: Server) =>
        pushLayers(address, REPOSITORY, source.fresh(), { form, connections: shape.connections }),
    })),
    {
      name: 'by skopeo',
      served: servers.filter(({ silentToTls }) => !silentToTls),
      push: ({ address }: Server) => skopeo.push(address, REPOSITORY, source.fresh()),
    },
  ];
  const contenders: Contender[] = clients.flatMap(({ push, served }) =>
    served.map((server) => ({ name: server.name, run: () => push(server) })),
  );
  const samples = await alternate(contenders, options.runs, () => forgetPayload(workspace));
  return clients.map(({ name, served }) =>
    measured(
      { measure: `push ${shape.name} ${name}`, unit: 'MB/s', amount: source.totalBytes, limit: shape.pushLimit },
      samples.splice(0, served.length),
    ),
  );
}
