{{/*
What the operator asks of the API server, and nothing else: test/control-plane/chart-rights.test.ts compares this list with the requests
that it makes. Lists and watches can't be bounded by name, nor can what is made. What is deleted was made for an MTA that goes.
*/}}
{{- define "postrider.rules" -}}
# Our kinds. Of a spec nothing is written: `patch` is for the finalizer of an MTA that holds mail.
- apiGroups: [postrider.dev]
  resources: [mtas, maildomains, mailrelays, mailtlspolicies, mailusers]
  verbs: [list, watch]
- apiGroups: [postrider.dev]
  resources: [mtas]
  verbs: [get, patch]
- apiGroups: [postrider.dev]
  resources: [mtas/status, maildomains/status, mailrelays/status, mailtlspolicies/status, mailusers/status]
  verbs: [patch]
# Owner references that block deletion need it, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [postrider.dev]
  resources: [mtas/finalizers]
  verbs: [update]
# What a fleet is made of. Passwords and certificates are in Secrets that resources name, in any namespace that is looked after; its own
# certificates, and the secret part of its config, are in Secrets too.
- apiGroups: [""]
  resources: [secrets, configmaps, services, serviceaccounts]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch, delete]
# A volume goes when its pod has shown that it is empty. That is written down on it, as it is then.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
# Pods are the StatefulSets' to make. One that comes back to a volume that is being deleted has to go.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
# By choice of an MTA, where cert-manager and the Prometheus operator are installed: certificates, metrics and alerts.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors, prometheusrules]
  verbs: [list, watch, create, patch, delete]
# Its own, and those of others about a fleet's objects: why a pod or a volume can't be made.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [list, create, patch]
{{- end }}
