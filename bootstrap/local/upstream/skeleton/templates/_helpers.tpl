{{/* The names that `helm create` gives a chart. */}}
{{- define "standin.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "standin.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "standin.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* JSON of the values below a path of keys; of an empty map where there are none. */}}
{{- define "standin.settings" -}}
{{- $at := .root.Values }}
{{- range .path }}
{{- $next := get $at . }}
{{- $at = ternary $next dict (kindIs "map" $next) }}
{{- end }}
{{- toJson $at }}
{{- end }}

{{/* JSON of a workload with the usual values applied: {object, settings, root (values), accounts}. */}}
{{- define "standin.workload" -}}
{{- $settings := .settings }}
{{- $object := .object }}
{{- $pod := $object.spec.template.spec }}
{{- $meta := $object.spec.template.metadata }}
{{- $container := first $pod.containers }}
{{- if hasKey $object.spec "replicas" }}
{{- range $key := list "replicas" "replicaCount" }}
{{- if hasKey $settings $key }}
{{- $_ := set $object.spec "replicas" (get $settings $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "topologySpreadConstraints" "imagePullSecrets" }}
{{- with get $settings $key | default (get $.root $key) }}
{{- $_ := set $pod $key . }}
{{- end }}
{{- end }}
{{- with $settings.podSecurityContext }}
{{- $_ := set $pod "securityContext" . }}
{{- end }}
{{- range $key := list "resources" "securityContext" }}
{{- with get $settings $key }}
{{- $_ := set $container $key . }}
{{- end }}
{{- end }}
{{- with $settings.podAnnotations }}
{{- $_ := set $meta "annotations" (merge (deepCopy .) ($meta.annotations | default dict)) }}
{{- end }}
{{- with $settings.podLabels }}
{{- $_ := set $meta "labels" (merge $meta.labels (deepCopy .)) }}
{{- end }}
{{- $image := $settings.image }}
{{- if and (kindIs "map" $image) $image.repository }}
{{- $name := ternary (printf "%s/%s" $image.registry $image.repository) $image.repository (not (empty $image.registry)) }}
{{- $tag := regexReplaceAll "^.*:" $container.image "" }}
{{- $_ := set $container "image" (printf "%s:%s" $name ($image.tag | default $tag | toString)) }}
{{- end }}
{{- $args := $container.args | default list }}
{{- with $settings.extraArgs }}
{{- if kindIs "map" . }}
{{- range $key, $value := . }}
{{- $flag := ternary $key (printf "--%s" $key) (hasPrefix "-" $key) }}
{{- $args = append $args (ternary $flag (printf "%s=%s" $flag (toString $value)) (kindIs "invalid" $value)) }}
{{- end }}
{{- else if kindIs "slice" . }}
{{- $args = concat $args . }}
{{- end }}
{{- end }}
{{- with $args }}
{{- $_ := set $container "args" . }}
{{- end }}
{{- $env := $container.env | default list }}
{{- range $key := list "env" "extraEnv" "extraEnvVars" }}
{{- with get $settings $key }}
{{- if kindIs "map" . }}
{{- range $name, $value := . }}
{{- $env = append $env (ternary (dict "name" $name "valueFrom" ($value | default dict)) (dict "name" $name "value" (toString $value)) (kindIs "map" $value)) }}
{{- end }}
{{- else if kindIs "slice" . }}
{{- $env = concat $env . }}
{{- end }}
{{- end }}
{{- end }}
{{- range $entry := $settings.envFrom }}
{{- /* Some charts render these as items of `env`. */}}
{{- if hasKey $entry "name" }}
{{- $env = append $env $entry }}
{{- else }}
{{- $_ := set $container "envFrom" (append ($container.envFrom | default list) $entry) }}
{{- end }}
{{- end }}
{{- with $env }}
{{- $_ := set $container "env" . }}
{{- end }}
{{- range $key := list "volumes" "extraVolumes" }}
{{- with get $settings $key }}
{{- $_ := set $pod "volumes" (concat ($pod.volumes | default list) .) }}
{{- end }}
{{- end }}
{{- range $key := list "volumeMounts" "extraVolumeMounts" }}
{{- with get $settings $key }}
{{- $_ := set $container "volumeMounts" (concat ($container.volumeMounts | default list) .) }}
{{- end }}
{{- end }}
{{- with $settings.envSecretName }}
{{- $secret := dict "secretRef" (dict "name" .) }}
{{- $_ := set $container "envFrom" (append ($container.envFrom | default list) $secret) }}
{{- end }}
{{- with $pod.serviceAccountName }}
{{- $_ := set $pod "serviceAccountName" (get $.accounts . | default .) }}
{{- end }}
{{- toJson $object }}
{{- end }}
