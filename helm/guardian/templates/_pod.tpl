{{- /* What a pod of guardian's is: the daemon's, and that of `helm test`. */ -}}
{{- define "guardian.pod" -}}
serviceAccountName: {{ include "guardian.serviceAccountName" . }}
automountServiceAccountToken: false
# A service named guardian would be variables that begin with GUARDIAN_.
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "guardian.configMap" . }}
      {{- if not .Values.existingConfigMap }}
      # Config and rules change in one moment, and `../rules` leads from one to the other.
      items:
        - key: config.guardian.yaml
          path: config/guardian.yaml
        {{- range $name, $_ := .Values.configFiles }}
        - key: config.{{ $name }}.yaml
          path: config/{{ $name }}.yaml
        {{- end }}
        {{- range $name, $_ := .Values.rules }}
        - key: rules.{{ $name }}.yaml
          path: rules/{{ $name }}.yaml
        {{- end }}
      {{- end }}
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- if include "guardian.inFile" . }}
  - name: journal
    {{- if include "guardian.claim" . }}
    persistentVolumeClaim:
      claimName: {{ include "guardian.claim" . }}
    {{- else }}
    emptyDir:
      sizeLimit: {{ .Values.journal.persistence.size }}
    {{- end }}
  {{- end }}
  {{- with .Values.secrets.providerClass }}
  - name: secrets
    csi:
      driver: secrets-store.csi.k8s.io
      readOnly: true
      volumeAttributes:
        secretProviderClass: {{ . }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* What a container of guardian's is, whatever it runs. */ -}}
{{- define "guardian.container" -}}
image: {{ include "guardian.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
env:
  - name: GUARDIAN_CONFIG
    value: /etc/guardian/config/guardian.yaml
  - name: GUARDIAN_JOURNAL
    value: {{ .Values.journal.address | quote }}
  - name: GUARDIAN_LOG_LEVEL
    value: {{ .Values.log.level }}
  - name: GUARDIAN_LOG_FORMAT
    value: {{ .Values.log.format }}
  - name: GUARDIAN_METRICS_LISTEN
    value: "{{ ternary "[::]" "0.0.0.0" .Values.metrics.ipv6 }}:{{ .Values.metrics.port }}"
  - name: GUARDIAN_METRICS_HOSTS
    value: {{ include "guardian.hosts" . | quote }}
  {{- with .Values.aws.region }}
  - name: AWS_REGION
    value: {{ . }}
  {{- end }}
  {{- with .Values.aws.accountId }}
  - name: AWS_ACCOUNT_ID
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .Values.secrets.existingSecret .Values.extraEnvFrom }}
envFrom:
  {{- with .Values.secrets.existingSecret }}
  - secretRef:
      name: {{ . }}
  {{- end }}
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: config
    mountPath: /etc/guardian{{ if .Values.existingConfigMap }}/config{{ end }}
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- if include "guardian.inFile" . }}
  - name: journal
    mountPath: {{ .Values.journal.address | trimPrefix "sqlite:" | dir }}
  {{- end }}
  {{- if .Values.secrets.providerClass }}
  - name: secrets
    mountPath: /run/secrets/guardian
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
