{{- define "songhua.environment" -}}
- { name: SONGHUA_DEPLOYMENT, value: {{ .Values.deployment | quote }} }
- { name: SONGHUA_KAFKA_BROKERS, value: {{ join "," .Values.engines.brokers | quote }} }
- { name: SONGHUA_TEMPORAL_ADDRESS, value: {{ .Values.engines.temporalAddress | quote }} }
- { name: SONGHUA_TEMPORAL_NAMESPACE, value: {{ .Values.engines.temporalNamespace | quote }} }
- { name: SONGHUA_S3_ENDPOINT, value: {{ .Values.engines.s3Endpoint | quote }} }
- { name: SONGHUA_S3_BUCKET, value: {{ .Values.engines.s3Bucket | quote }} }
- { name: SONGHUA_CONNECTOR_URL, value: "http://{{ .Release.Name }}-connector:8080" }
- name: SONGHUA_S3_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.credentialsSecret }}, key: s3-access-key } }
- name: SONGHUA_S3_SECRET_KEY
  valueFrom: { secretKeyRef: { name: {{ .Values.credentialsSecret }}, key: s3-secret-key } }
{{- range $name, $value := .Values.env }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}
