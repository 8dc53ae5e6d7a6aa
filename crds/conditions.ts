/**
 * Every condition type and every reason that a status can show, documented beside its constant. A reason is for
 * programs and for searching; the message that comes with it says what is wrong here and what to do.
 */

/** Condition types, on every kind unless it says otherwise. All are positive but `Reconciling` and `Stalled`. */
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
  /** A pod refuses the config, and goes on with the one before; the message has the pod and its reason. */
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

  // Ready=True
  /** It is accepted, everything that it refers to is there, and every serving pod has loaded it. */
  Ready: 'Ready',
} as const;
export type Reason = (typeof reasons)[keyof typeof reasons];
