/** Our CRDs on an API server of a test. */

import { kinds } from '../../../crds/kinds.ts';
import { renderCrd } from '../../../crds/render.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../../operator/kube/resource.ts';
import { waitFor } from '../../support/wait.ts';

export const CRDS: ResourceType = {
  ...{ group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' },
  ...{ kind: 'CustomResourceDefinition', namespaced: false },
};

interface Definition extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
}

/** Applies them, and waits until they are served. Rejects where the API server has something against one. */
export async function installCrds(client: KubeClient): Promise<void> {
  for (const kind of kinds) {
    const { metadata } = await client.apply(CRDS, renderCrd(kind) as unknown as KubeObject);
    await established(client, metadata.name);
  }
}

/** Waits until a CRD is served. */
export async function established(client: KubeClient, name: string): Promise<void> {
  await waitFor(`the CRD ${name}`, async () => {
    const found = await client.get<Definition>(CRDS, { name });
    const is = (type: string) => found?.status?.conditions?.find((each) => each.type === type);
    const against = is('NonStructuralSchema');
    if (against?.status === 'True') throw new Error(against.message);
    return is('Established')?.status === 'True';
  });
}
