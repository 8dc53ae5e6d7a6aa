/** Service accounts of a test: their tokens, and what they may do. */
import { ApiError } from '../../../operator/kube/api-error.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { KubeObject, ResourceType } from '../../../operator/kube/resource.ts';
import type { Transport } from '../../../operator/kube/transport.ts';

const REVIEWS: ResourceType = {
  ...{ group: 'authorization.k8s.io', version: 'v1', plural: 'selfsubjectaccessreviews' },
  ...{ kind: 'SelfSubjectAccessReview', namespaced: false },
};

/** As the kubelet asks for it (TokenRequest). */
export async function tokenOf(admin: Transport, namespace: string, name: string): Promise<string> {
  const { status, body } = await admin({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    body: JSON.stringify({
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
      spec: { expirationSeconds: 3600 },
    }),
    signal: AbortSignal.timeout(10_000),
  });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  if (status !== 201) throw new Error(`no token for ${namespace}/${name}: ${status} ${text}`);
  return (JSON.parse(text) as { status: { token: string } }).status.token;
}

export interface Access {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  /** All where absent. */
  readonly namespace?: string;
  readonly name?: string;
}

/** RBAC or admission has said no. */
export const isForbidden = (error: unknown): boolean => error instanceof ApiError && error.status === 403;

interface Reviewed extends KubeObject {
  readonly status?: { readonly allowed: boolean };
}

/** Whether whoever asks may do it (SelfSubjectAccessReview). */
export async function may(client: KubeClient, access: Access): Promise<boolean> {
  const review = {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind: REVIEWS.kind, metadata: {} },
    spec: { resourceAttributes: access },
  } as unknown as Reviewed;
  return (await client.create(REVIEWS, review)).status!.allowed;
}
