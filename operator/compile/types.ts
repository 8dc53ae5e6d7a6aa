/** The input and output of `compile`: a pure function, shared by the operator and the local mode. */
import type { MtaConfig } from '../../mta/config.ts';
import type { Listed, Tlsa } from './key-rollover.ts';
import type { PolicyCertificate } from './mta-sts.ts';

/** A manifest as it was read: validated against its kind's schema by compile, not before. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    /** RFC 3339; decides between newcomers in a conflict. */
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

/** A core/v1 Secret, its values decoded. */
export interface SecretValues {
  readonly namespace: string;
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
  /** Another one where a value is another. Absent where nobody counts. */
  readonly version?: string;
}

export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What a MailUser authenticates with. */
export interface Login {
  /** `MailUser/mail/anna`. */
  readonly resource: string;
  readonly username: string;
  readonly password: string;
  /** Of the Secret that the password is from. */
  readonly version: string | undefined;
}

/** What differs between a laptop and a pod. */
export interface Environment {
  readonly queuePath: string;
  readonly historyPath: string;
  readonly health: { readonly address: string; readonly port: number };
  /** Without a token: by certificates of the fleet. */
  readonly control: { readonly address: string; readonly port: number; readonly token?: string };
  /** How pods find each other: by a DNS name whose addresses are theirs. Absent where there is one alone. */
  readonly peers?: { readonly address: string; readonly port: number; readonly name: string };
  /** Address that listeners bind to: loopback in local mode. */
  readonly listenAddress: string;
  /** Ports by listener name where they differ from the manifest's. */
  readonly listenerPorts?: Readonly<Record<string, number>>;
  /** Of the web port, where it differs from the manifest's. */
  readonly webPort?: number;
  /** PEM of a certificate made at first start, for listeners and Policy Hosts that name none; absent in the cluster. */
  readonly fallbackCertificate?: { readonly certificate: string; readonly key: string };
  /** Port of MX hosts; 25 where absent. */
  readonly mxPort?: number;
  /** Turns a password into a PHC string of scrypt; memoised, deterministic for one input. Undefined where it is still being made. */
  verifierFor(login: Login): string | undefined;
}

export interface CompileInput {
  /** The fleet to compile for. */
  readonly mta: { readonly namespace: string; readonly name: string };
  readonly manifests: readonly Manifest[];
  readonly secrets: readonly SecretValues[];
  /** Labels by namespace, for attachment selectors. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The config that the fleet has loaded, if any: who holds a name there keeps it in a conflict. */
  readonly programmed: MtaConfig | undefined;
  readonly revision: number;
  readonly environment: Environment;
  /** What TLSA records are listed, and when it is; absent where nobody is shown any. */
  readonly listed?: Listed;
}

/** One condition of one resource, as its status will show it. */
export interface Diagnostic {
  readonly resource: ObjectRef;
  /** JSON path of the field at fault: `spec.listeners[0].port`; absent for the whole resource. */
  readonly path?: string;
  readonly condition: 'Accepted' | 'ResolvedRefs';
  readonly status: 'True' | 'False';
  /** From `crds/conditions.ts`. */
  readonly reason: string;
  /** What is wrong, and what to do. */
  readonly message: string;
}

export interface CompileResult {
  /** Undefined where there is nothing that could run: the MTA itself is absent or not accepted. */
  readonly config: MtaConfig | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** For Policy Hosts of domains: to be issued by `web.issuerRef` of the MTA. */
  readonly certificates: readonly PolicyCertificate[];
  /** What to list, and which keys wait for that; only with a config, and where somebody is shown it. */
  readonly tlsa?: Tlsa;
}
