/**
 * Every condition type and every reason that a status can show, documented beside its constant. A reason is for
 * programs and for searching; the message that comes with it says what is wrong here and what to do. docs/conditions.md has
 * them for who is on call; a test holds the two together.
 */

/** Condition types, on every kind unless it says otherwise. All are positive but `Reconciling`, `Stalled` and `Paused`. */
export const conditionTypes = {
  /** The resource is valid, may attach to the fleet, and has no rival for its names. */
  Accepted: 'Accepted',
  /** All that it names (Secrets and their keys, policies) exists and can be used. */
  ResolvedRefs: 'ResolvedRefs',
  /** Every serving pod has reported a config that holds this generation of the resource. */
  Programmed: 'Programmed',
  /** The sum: accepted, resolved, programmed, and working. What `kubectl wait --for=condition=Ready` waits for. */
  Ready: 'Ready',
  /** MTA only: as many pods run as are asked for; those that were too many have left, and have proven that no mail is left with them. */
  Scaled: 'Scaled',
  /** MTA: no mail waits for longer than senders are told of, none is damaged, and there is room for more. */
  QueueHealthy: 'QueueHealthy',
  /** MTA with `tls.dane` in a listener: every key of its certificates is in use, and the record of each has stood in the status for long enough. */
  DANEReady: 'DANEReady',
  /** MTA: its annotation postrider.dev/paused keeps the operator from changing anything. Present only while it is True. */
  Paused: 'Paused',
  /** Work on the current generation is under way (kstatus). Present only while it is True. */
  Reconciling: 'Reconciling',
  /** Nothing will change until a person acts (kstatus). Present only while it is True. */
  Stalled: 'Stalled',
} as const;
export type ConditionType = (typeof conditionTypes)[keyof typeof conditionTypes];

/** Reasons of the conditions: the first ones are compile's, those of Programmed and Ready the operator's. */
export const reasons = {
  // Accepted=True
  /** The resource is part of the fleet's config. */
  Accepted: 'Accepted',

  // Accepted=False
  /** A field is missing, unknown, of the wrong form, or contradicts another one; the message names it. */
  Invalid: 'Invalid',
  /** A field asks for something that this version doesn't do. It is refused, rather than ignored. */
  NotYetSupported: 'NotYetSupported',
  /** The same kind, namespace and name stands in more than one manifest; none of them is used. */
  Duplicate: 'Duplicate',
  /** None of the MTAs that `mtaRefs` names exists. */
  MTANotFound: 'MTANotFound',
  /** The MTA is in another namespace, and no entry of its `attachment` lets this namespace attach this kind. */
  NotAllowedByMTA: 'NotAllowedByMTA',
  /** A domain, or an address in it, that the namespace of the resource was not given by the MTA's `attachment`. */
  DomainNotAllowed: 'DomainNotAllowed',
  /** Another resource holds the name already; the message names it. The older one wins unless the other was programmed. */
  Conflicted: 'Conflicted',
  /** A namespace that is not the fleet's asks for less transport security than the fleet does. */
  BelowTLSFloor: 'BelowTLSFloor',
  /** Two listeners of one MTA would share a port. */
  PortConflict: 'PortConflict',
  /** A listener offers TLS and names no certificate. */
  CertificateMissing: 'CertificateMissing',
  /** The MTA's `podTemplate` would break what the fleet promises; the message names the field and what to do instead. */
  PodTemplateRefused: 'PodTemplateRefused',

  // ResolvedRefs=True
  /** Everything that is referred to was found. */
  ResolvedRefs: 'ResolvedRefs',

  // ResolvedRefs=False
  /** A Secret doesn't exist in the namespace of the resource. */
  SecretNotFound: 'SecretNotFound',
  /** A Secret lacks the key that is named. */
  SecretKeyNotFound: 'SecretKeyNotFound',
  /** The value in the Secret can't be what it is used for: an empty password, no PEM block. */
  SecretInvalid: 'SecretInvalid',
  /** A MailTLSPolicy doesn't exist in the namespace of the resource, or is not accepted by this fleet. */
  TLSPolicyNotFound: 'TLSPolicyNotFound',
  /** A relay names a user that no accepted MailUser has. */
  UserNotFound: 'UserNotFound',
  /** cert-manager has not issued the certificate of a listener, or of a Policy Host, yet; `kubectl describe certificate` tells why. */
  CertificateNotIssued: 'CertificateNotIssued',
  /** A certificate is not for the name that it is to be shown for; the message has the name, and what comes of it. */
  CertificateMismatch: 'CertificateMismatch',
  /** A MailTLSPolicy names a listener that the MTA does not have. */
  ListenerNotFound: 'ListenerNotFound',
  /** A MailTLSPolicy of mode Required names a listener that has no TLS: it goes on in clear text. */
  ListenerWithoutTLS: 'ListenerWithoutTLS',
  /** A MailDomain has `mtaSts`, and there is no host that its policy could name: nothing is published. */
  NoPolicyHosts: 'NoPolicyHosts',
  /** A MailDomain has `mtaSts`, and the MTA no `web` to publish it at: nothing is published. */
  NoWebPort: 'NoWebPort',
  /** A MailTLSPolicy of mode DANE, where the MTA has no resolver that is trusted to check DNSSEC: all mail that it is for waits. */
  ResolverNotTrusted: 'ResolverNotTrusted',

  // Any condition, False or Unknown
  /** It is under way: the operator has not looked at it yet, or not every serving pod has loaded it. Wait. */
  Pending: 'Pending',
  /** It is not accepted, and so nothing else can be said of it; see Accepted. */
  NotAccepted: 'NotAccepted',

  // Programmed=True
  /** Every serving pod has reported a config that has this generation of the resource. */
  Programmed: 'Programmed',

  // Programmed=False
  /** Something that it refers to is missing, without which it can't be in the config; see ResolvedRefs. */
  NotResolved: 'NotResolved',
  /** No pod of the fleet serves, so that none can have loaded it; see the MTA. */
  NoPods: 'NoPods',
  /** A pod refuses the config, and goes on with the one before; the message has the pod and its reason. Of an MTA: Ready=False too. */
  ConfigRefused: 'ConfigRefused',

  // Scaled, of an MTA
  /** There are as many pods as are asked for. */
  Scaled: 'Scaled',
  /** Pods that are too many give their mail away; the message says how much is left. Wait. */
  Draining: 'Draining',
  /** A pod can't leave; the message says what keeps it, and what to do. No mail is lost meanwhile. */
  DrainBlocked: 'DrainBlocked',
  /** A volume without its pod may hold mail. Its pod is brought back to hand it over. */
  VolumeOrphaned: 'VolumeOrphaned',

  // Ready=False, of an MTA that is being deleted
  /** It waits until its mail is delivered, as `spec.deletionPolicy` has it; the message says how much there is, and how to insist. */
  Terminating: 'Terminating',

  // Ready=False of an MTA
  /** The API server refuses an object that the fleet is made of: by a quota, by admission, or because it is invalid. */
  ObjectRefused: 'ObjectRefused',
  /** An object of the name that one of the fleet's would have is there already, and somebody else's; it is left as it is. */
  ObjectTaken: 'ObjectTaken',
  /** The MTA asks for an object whose kind the cluster doesn't know: cert-manager or the Prometheus operator isn't installed. */
  KindNotInstalled: 'KindNotInstalled',
  /** The config is larger than what a pod can be given in ConfigMaps and Secrets. */
  ConfigTooLarge: 'ConfigTooLarge',
  /** The image of a pod does not exist, or may not be pulled. */
  ImageNotPulled: 'ImageNotPulled',
  /** A container could not be made or started; the message has the kubelet's reason. */
  ContainerNotStarted: 'ContainerNotStarted',
  /** A container has ended and is started again and again; the message has its exit code, and what it said last. */
  ContainerCrashing: 'ContainerCrashing',
  /** A pod has failed for good, such as one that was evicted. */
  PodFailed: 'PodFailed',
  /** No node has room for a pod, or may run it. */
  Unschedulable: 'Unschedulable',
  /** A claim for a volume has none. */
  VolumePending: 'VolumePending',
  /** The volume of a claim is gone. The mail that was on it is, too. */
  VolumeLost: 'VolumeLost',
  /** There are fewer pods than were asked for. */
  PodsMissing: 'PodsMissing',
  /** Fewer pods serve than were asked for. They start, or their readiness fails. */
  PodsNotServing: 'PodsNotServing',

  // Reconciling=True of an MTA that is ready
  /** Pods are being replaced, one after the other, by ones of a new template. */
  RollingOut: 'RollingOut',

  // QueueHealthy=True
  /** Nothing is wrong with the queue. */
  QueueHealthy: 'QueueHealthy',

  // QueueHealthy=False; QueueFull is Ready=False, too
  /** The volume is full up to its reserve: new mail is answered 452. */
  QueueFull: 'QueueFull',
  /** Pods have found damaged records, groups or bodies: the volume has returned other bytes than were written. */
  QueueDamaged: 'QueueDamaged',
  /** A message has waited for longer than `delivery.delayWarning`, after which its sender is told of the delay. */
  OldMail: 'OldMail',

  // QueueHealthy=Unknown
  /** A pod does not answer on its control port, so that nobody knows what is in its queue. */
  PodUnreachable: 'PodUnreachable',

  // DANEReady=True
  /** Every key that listeners show has its records in `status.records`, and no new one waits. */
  DANEReady: 'DANEReady',

  // DANEReady=False
  /** A Secret has a new key, which waits until its record has been published; the message has the record and the time. */
  KeyWaits: 'KeyWaits',
  /** A key is shown whose record has not stood for long enough: the certificate before could not be shown any longer. */
  KeyUsedEarly: 'KeyUsedEarly',

  // Paused=True
  /** The annotation postrider.dev/paused is there. Pods run on, and serve mail; nothing of them is changed. */
  Paused: 'Paused',

  // Ready=True
  /** It is accepted, everything that it refers to is there, and every serving pod has loaded it. */
  Ready: 'Ready',
} as const;
export type Reason = (typeof reasons)[keyof typeof reasons];
