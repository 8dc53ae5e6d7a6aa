/** Mail servers of others, each as its own support file starts it: what all of them are told, and what tests ask of them. */
export interface Foreign {
  /** What it says of itself. */
  readonly version: string;
  /** Its log and its output so far. */
  log(): string;
  stop(): Promise<void>;
}

export interface ForeignOptions {
  /** Empty; everything that it writes is below. */
  readonly folder: string;
  /** Its name: in the greeting, in HELO, in reports. */
  readonly hostname: string;
  /** On 127.0.0.1: takes mail for any domain, offers STARTTLS. */
  readonly smtpPort: number;
  /** The same, but for users after STARTTLS alone. */
  readonly submissionPort: number;
  /** Folder with `tls.crt` and `tls.key` for 127.0.0.1, and `ca.crt`: the one authority that it trusts. All may read it. */
  readonly identity: string;
  /** Who may submit here, and what it authenticates with elsewhere. */
  readonly login: { readonly username: string; readonly password: string };
  readonly sizeLimit: number;
  /** Of a message: for those that announce it. */
  readonly recipientLimit: number;
  /** Refused at RCPT with a permanent reply. */
  readonly refused: string;
  readonly routes: readonly Route[];
  /** Port on 127.0.0.1 of the next hop for all other domains, in clear text. */
  readonly elsewhere: number;
}

export interface Route {
  readonly domain: string;
  readonly port: number;
  /**
   * `proxied`: before it is answered, where it has a way for that, else as `clear`; `held`: when ETRN asks for it, where it knows that, else
   * as `clear`; `verified`: with STARTTLS and a certificate that holds; `login`: the same, with AUTH.
   */
  readonly way: 'clear' | 'proxied' | 'held' | 'verified' | 'login';
}

/** Rejects where it could not be started. */
export type StartForeign = (options: ForeignOptions) => Promise<Foreign>;
