/** Why a policy could not be had, in the words of reports about it (RFC 8460 §4.3.2.2). */
export type StsFault = 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid';

export class StsFailure extends Error {
  override readonly name = 'StsFailure';
  readonly fault: StsFault;

  constructor(fault: StsFault, why: string, options?: ErrorOptions) {
    super(why, options);
    this.fault = fault;
  }
}
