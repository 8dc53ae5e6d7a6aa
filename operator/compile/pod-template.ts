/** Refuses a `podTemplate` that would break what the fleet promises: before anything is written, and where there is no cluster. */
import { reasons } from '../../crds/conditions.ts';
import type { MtaSpec } from '../../crds/mta.ts';
import { ownTemplate } from '../objects/pod.ts';
import { overrideProblems } from '../objects/pod-override.ts';
import type { Resource } from './read.ts';
import type { Report } from './report.ts';

/** Which image the operator would take makes no difference. */
const ANY = { image: 'mta' };

export function checkPodTemplate({ ref, spec }: Resource<MtaSpec>, report: Report): void {
  const ours = ownTemplate({ ...ref, uid: '', spec }, ANY);
  for (const { path, message } of overrideProblems(ours, spec.podTemplate)) {
    report.refuse(ref, reasons.PodTemplateRefused, message, path);
  }
}
