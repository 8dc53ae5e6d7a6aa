/** Why something that came as a report doesn't count. */
export type ReportFault =
  /** No report in it: neither gzip nor JSON of the form that RFC 8460 §4.4 has, or a mail without a part for it. */
  | 'invalid'
  /** It, or what its gzip makes of it, is beyond all measure. */
  | 'tooLarge';

export class ReportRefusal extends Error {
  override readonly name = 'ReportRefusal';
  readonly fault: ReportFault;

  constructor(fault: ReportFault, why: string, options?: ErrorOptions) {
    super(why, options);
    this.fault = fault;
  }
}
