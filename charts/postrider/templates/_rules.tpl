{{/*
What the operator asks of the API server, and nothing else: test/control-plane/chart.test.ts compares this list with the requests that
it makes. Lists and watches can't be bounded by name; what is only ever made is neither updated nor deleted.
*/}}
{{- define "postrider.rules" -}}
# Our kinds. Of a spec nothing is written: `patch` is for the finalizer of an MTA that holds mail.
- apiGroups: [postrider.dev]
  resources: [mtas, maildomains, mailrelays, mailtlspolicies, mailusers]
  verbs: [list, watch]
- apiGroups: [postrider.dev]
  resources: [mtas]
  verbs: [patch]
- apiGroups: [postrider.dev]
  resources: [mtas/status, maildomains/status, mailrelays/status, mailtlspolicies/status, mailusers/status]
  verbs: [patch]
# Owner references that block deletion need it, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [postrider.dev]
  resources: [mtas/finalizers]
  verbs: [update]
# Passwords and certificates are in Secrets that resources name, in any namespace that is looked after. What is made for fleets
# (certificates, config) is created and patched; none is ever deleted.
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch, create, patch]
# What a fleet is made of.
- apiGroups: [""]
  resources: [configmaps, services, serviceaccounts]
  verbs: [list, watch, create, patch]
# A volume goes when its pod has shown that it is empty.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch]
# Pods are the StatefulSets' to make and to end.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
