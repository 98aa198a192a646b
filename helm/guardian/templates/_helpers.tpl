{{- define "guardian.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "guardian.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $whole .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "guardian.selector" -}}
app.kubernetes.io/name: {{ include "guardian.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "guardian.labels" -}}
{{ include "guardian.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "guardian.metadata" -}}
name: {{ include "guardian.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "guardian.labels" . | nindent 2 }}
{{- end }}

{{- define "guardian.serviceAccountName" -}}
{{- default (ternary (include "guardian.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "guardian.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- /* "yes" where the journal is a file, which one guardian has for itself. */ -}}
{{- define "guardian.inFile" -}}
{{- if hasPrefix "sqlite:" .Values.journal.address }}yes{{ end }}
{{- end }}

{{- /* The claim that holds it; empty where there is none. */ -}}
{{- define "guardian.claim" -}}
{{- if and (include "guardian.inFile" .) .Values.journal.persistence.enabled -}}
{{- default (include "guardian.fullname" .) .Values.journal.persistence.existingClaim }}
{{- end }}
{{- end }}

{{- /* Where the text of the config file comes from. */ -}}
{{- define "guardian.configMap" -}}
{{- default (include "guardian.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- /* The names under which the service can be asked. */ -}}
{{- define "guardian.hosts" -}}
{{- $name := include "guardian.fullname" . }}
{{- $there := printf "%s.%s" $name .Release.Namespace }}
{{- concat (list $name $there (printf "%s.svc" $there) (printf "%s.svc.cluster.local" $there)) .Values.metrics.hosts | join "," }}
{{- end }}

{{- /* What cannot be, all of it at once. What a single value may be says values.schema.json. */ -}}
{{- define "guardian.check" -}}
{{- $wrong := list }}
{{- with .Values }}
{{- if and (not .config) (not .existingConfigMap) }}
{{- $wrong = append $wrong "config: there is none, so nothing would be guarded. Give the file's text (--set-file config=config/production.yaml), or name a ConfigMap in existingConfigMap" }}
{{- end }}
{{- if and .existingConfigMap (or .config .configFiles .rules) }}
{{- $wrong = append $wrong (printf "existingConfigMap: %s is to hold the files, and config, configFiles or rules hold some too. Keep one of the two" .existingConfigMap) }}
{{- end }}
{{- if hasKey .configFiles "guardian" }}
{{- $wrong = append $wrong "configFiles.guardian: guardian.yaml is the name of the config file itself. Choose another one" }}
{{- end }}
{{- if and (include "guardian.inFile" $) (gt (int .replicas) 1) }}
{{- $wrong = append $wrong (printf "replicas: %d guardians cannot share %s: a journal in a file is for one. Set replicas to 1, or journal.address to a journal that several machines reach" (int .replicas) .journal.address) }}
{{- end }}
{{- if and .journal.persistence.existingClaim (not .journal.persistence.enabled) }}
{{- $wrong = append $wrong (printf "journal.persistence.existingClaim: %s is named, and journal.persistence.enabled is false. Set it to true" .journal.persistence.existingClaim) }}
{{- end }}
{{- if and .serviceMonitor.enabled .networkPolicy.enabled (not .networkPolicy.ingressFrom) }}
{{- $wrong = append $wrong "networkPolicy.ingressFrom: serviceMonitor.enabled is true, and nobody may scrape. Name Prometheus, e.g. [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- if and (eq .aws.identity "irsa") .aws.roleArn (not .serviceAccount.create) }}
{{- $wrong = append $wrong "aws.roleArn: with aws.identity irsa it is an annotation of the service account, and serviceAccount.create is false. Annotate yours and leave aws.roleArn empty" }}
{{- end }}
{{- $aws := get (fromYaml .config) "aws" }}
{{- if and .aws.roleArn (kindIs "map" $aws) }}
{{- if eq .aws.roleArn (toString (get $aws "role_arn")) }}
{{- $wrong = append $wrong (printf "aws.roleArn: %s is also the config file's aws.role_arn, and a role does not assume itself. Give the pod another role, which may assume that one" .aws.roleArn) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $wrong }}
{{- fail (printf "\n%s" (join "\n" $wrong)) }}
{{- end }}
{{- end }}
