# shellcheck shell=bash
# The dashboard and the heapster that feeds it; with a second label InfluxDB and Grafana behind heapster.

apply_dashboard() {
    local sink=""
    if is_true "$INFLUX_GRAFANA_DASHBOARD_ENABLED"; then
        sink=", --sink=influxdb:http://monitoring-influxdb:8086"
        influx_manifest | apply influxdb
    fi
    dashboard_manifest "$sink" | apply dashboard
}

# dashboard_workload NAME IMAGE TAG PORT ACCOUNT SETTING
dashboard_workload() {
    workload kube-system "$1" "$(image mirrorgooglecontainers/ "$2" "$3")" "$4" "$5" "$6" "emptyDir: {}" /tmp
}

dashboard_manifest() {
    account kube-system heapster system:heapster
    dashboard_workload heapster heapster-amd64 "$HEAPSTER_TAG" 8082 heapster \
        "command: [/heapster, '--source=kubernetes:https://kubernetes.default?kubeletHttps=true&kubeletPort=10250'$1]"
    service kube-system heapster 80 8082
    dashboard_workload kubernetes-dashboard kubernetes-dashboard-amd64 "$KUBE_DASHBOARD_VERSION" 8443 admin \
        "args: [--auto-generate-certificates, --heapster-host=http://heapster]"
    service kube-system kubernetes-dashboard 443 8443
    cat <<MANIFEST
---
apiVersion: v1
kind: Secret
metadata: {name: kubernetes-dashboard-certs, namespace: kube-system}
MANIFEST
}

influx_manifest() {
    dashboard_workload monitoring-influxdb heapster-influxdb-amd64 "$INFLUXDB_TAG" 8086 default ""
    service kube-system monitoring-influxdb 8086 8086
    dashboard_workload monitoring-grafana heapster-grafana-amd64 "$HEAPSTER_GRAFANA_TAG" 3000 default \
        "env: [{name: INFLUXDB_HOST, value: monitoring-influxdb}, {name: GF_SERVER_HTTP_PORT, value: '3000'}]"
    service kube-system monitoring-grafana 80 3000
}
