{{/* The name of everything of this release. */}}
{{- define "fntx.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "fntx.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "fntx.selector" -}}
app.kubernetes.io/name: fntx
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "fntx.labels" -}}
{{ include "fntx.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What every pod has; the processes of FNTX need no right of the cluster, so that none is given a token of it. */}}
{{- define "fntx.pod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "fntx.volumes" -}}
{{ include "fntx.own" . }}
- name: instance
  configMap: {name: {{ include "fntx.name" . }}-dagster}
{{- end }}

{{/* The volumes that need nothing else of the release: its first hook has them. */}}
{{- define "fntx.own" -}}
- name: home
  emptyDir: {sizeLimit: {{ .Values.home.sizeLimit }}}
- name: tmp
  emptyDir: {sizeLimit: 512Mi}
- name: secrets
  secret: {secretName: {{ .Values.secrets.existing }}, defaultMode: 288}
{{- end }}

{{- define "fntx.mounts" -}}
{{ include "fntx.ownmounts" . }}
- {name: instance, mountPath: /etc/fntx, readOnly: true}
{{- end }}

{{- define "fntx.ownmounts" -}}
- {name: home, mountPath: /var/lib/fntx}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/fntx, readOnly: true}
{{- end }}

{{- define "fntx.container" -}}
image: {{ include "fntx.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - configMapRef: {name: {{ include "fntx.name" . }}-settings}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
volumeMounts: {{ include "fntx.mounts" . | nindent 2 }}
{{- end }}

{{/* A probe that asks the role itself. */}}
{{- define "fntx.asked" -}}
exec: {command: [fntx, healthy, {{ . }}]}
periodSeconds: 30
timeoutSeconds: 5
failureThreshold: 3
{{- end }}
