{{/* Name of everything that belongs to the release. */}}
{{- define "postrider.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "postrider.operator" -}}
{{- include "postrider.fullname" . }}-operator
{{- end }}

{{- define "postrider.serviceAccount" -}}
{{- default (include "postrider.operator" .) .Values.serviceAccount.name -}}
{{- end }}

{{/*
What the operator's pods are recognised by. The first two are what NetworkPolicies of fleets let in at the control port:
operator/main.ts knows them.
*/}}
{{- define "postrider.selectorLabels" -}}
app.kubernetes.io/name: postrider
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "postrider.labels" -}}
{{ include "postrider.selectorLabels" . }}
{{ include "postrider.releaseLabels" . }}
{{- end }}

{{/* Of what is not of the operator's pods: CRDs, roles for people. */}}
{{- define "postrider.releaseLabels" -}}
app.kubernetes.io/part-of: postrider
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "postrider.image" -}}
{{- with .Values.image -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end }}

{{/* Name of the Lease: operators for different namespaces don't wait for each other. As operator/main.ts makes it. */}}
{{- define "postrider.lease" -}}
postrider-operator{{ with .Values.watchNamespace }}{{ if ne . $.Release.Namespace }}-{{ . }}{{ end }}{{ end }}
{{- end }}
