# shellcheck shell=bash
# Prometheus at node port 30900 and Grafana at 30603, in a namespace of their own, which is made first.

apply_monitoring() {
    monitoring_manifest | apply monitoring
}

# Since version 2 Prometheus has long options with two dashes, and another store.
prometheus_arguments() {
    if [[ $PROMETHEUS_TAG == v1.* ]]; then
        printf '%s' "-config.file=/etc/prometheus/prometheus.yml, -storage.local.retention=168h"
    else
        printf '%s' "--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.retention.time=7d"
    fi
}

monitoring_manifest() {
    local space=prometheus-monitoring
    cat <<MANIFEST
apiVersion: v1
kind: Namespace
metadata: {name: $space}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus, namespace: $space}
data:
  prometheus.yml: |
    global: {scrape_interval: 30s}
    scrape_configs:
    - job_name: kubernetes-nodes
      scheme: https
      tls_config: {ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt}
      bearer_token_file: /var/run/secrets/kubernetes.io/serviceaccount/token
      kubernetes_sd_configs: [{role: node}]
    - job_name: node-exporters
      kubernetes_sd_configs: [{role: node}]
      relabel_configs:
      - {source_labels: [__address__], regex: '(.*):10250', replacement: '\${1}:9100', target_label: __address__}
---
apiVersion: v1
kind: Secret
metadata: {name: grafana, namespace: $space}
data: {password: "$(printf '%s' "$GRAFANA_ADMIN_PASSWD" | base64 -w0)"}
MANIFEST
    account_with_rules $space prometheus '{apiGroups: [""], resources: [nodes, nodes/proxy, nodes/metrics, services,
  endpoints, pods], verbs: [get, list, watch]}, {nonResourceURLs: [/metrics], verbs: [get]}'
    workload $space prometheus "$(image prom/ prometheus "$PROMETHEUS_TAG")" 9090 prometheus \
        "args: [$(prometheus_arguments)]" \
        "configMap: {name: prometheus}" /etc/prometheus
    node_port $space prometheus 9090 30900
    workload $space grafana "$(image grafana/ grafana "$GRAFANA_TAG")" 3000 default \
        "env: [{name: GF_SECURITY_ADMIN_PASSWORD, valueFrom: {secretKeyRef: {name: grafana, key: password}}}]" \
        "emptyDir: {}" /var/lib/grafana/dashboards
    node_port $space grafana 3000 30603
}
