# shellcheck shell=bash
# The dashboard, which does only what the token allows that its user logs in with.

apply_dashboard() {
    dashboard_manifest | apply dashboard
}

dashboard_manifest() {
    local space=kubernetes-dashboard
    cat <<MANIFEST
apiVersion: v1
kind: Namespace
metadata: {name: $space}
---
apiVersion: v1
kind: Secret
metadata: {name: kubernetes-dashboard-certs, namespace: $space}
---
apiVersion: v1
kind: Secret
metadata: {name: kubernetes-dashboard-csrf, namespace: $space}
---
apiVersion: v1
kind: Secret
metadata: {name: kubernetes-dashboard-key-holder, namespace: $space}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubernetes-dashboard-settings, namespace: $space}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kubernetes-dashboard, namespace: $space}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, update, delete],
   resourceNames: [kubernetes-dashboard-key-holder, kubernetes-dashboard-certs, kubernetes-dashboard-csrf]}
- {apiGroups: [""], resources: [configmaps], verbs: [get, update], resourceNames: [kubernetes-dashboard-settings]}
- {apiGroups: [""], resources: [services/proxy], verbs: [get], resourceNames: ["http:dashboard-metrics-scraper"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubernetes-dashboard, namespace: $space}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kubernetes-dashboard}
subjects: [{kind: ServiceAccount, name: kubernetes-dashboard, namespace: $space}]
MANIFEST
    account_with_rules $space kubernetes-dashboard '{apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list, watch]}'
    workload $space kubernetes-dashboard "$(image kubernetesui/ dashboard "$KUBE_DASHBOARD_VERSION")" 8443 \
        kubernetes-dashboard "args: [--auto-generate-certificates, --namespace=$space]" "emptyDir: {}" /tmp
    service $space kubernetes-dashboard 443 8443
    workload $space dashboard-metrics-scraper "$(image kubernetesui/ metrics-scraper "$METRICS_SCRAPER_TAG")" 8000 \
        kubernetes-dashboard "" "emptyDir: {}" /tmp
    service $space dashboard-metrics-scraper 8000 8000
}
