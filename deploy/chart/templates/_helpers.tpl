{{- define "weir.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}

{{- /* Lists that checks.yaml splits at the commas, and what it says. */ -}}
{{- define "weir.listeners" }}{{ range .config.listeners }}{{ .name }},{{ end }}{{ end -}}
{{- define "weir.ownPorts" }}admin,probes{{ end -}}
{{- define "weir.services" }}{{ .name }},{{ .name }}-admin{{ end -}}
{{- define "weir.stateName" }}name is {{ .name }}, and config.state.name is weir-state, where a release with the name weir keeps its weights: set config.state.name, to {{ .name }}-state for example{{ end -}}
{{- define "weir.replicasName" }}name is {{ .name }}, and config.replicas.service is weir-replicas, which is the Service of a release with the name weir: set config.replicas.service, to {{ .name }}-replicas for example{{ end -}}
{{- define "weir.replicasTaken" }}config.replicas.service is {{ .config.replicas.service }}, which this release has already for clients or for the admin API: name another one, {{ .name }}-replicas for example{{ end -}}
{{- define "weir.listenerName" }}config.listeners: a listener can't have the name {{ .name }}, for the container has a port of that name (ports `admin` and `probes` are those of config.admin): name it otherwise, here and in service.ports{{ end -}}
{{- define "weir.noListener" }}service.ports: {{ .name }} is the name of no listener in config.listeners, so its port would lead nowhere: add the listener, or name one that is there{{ end -}}
