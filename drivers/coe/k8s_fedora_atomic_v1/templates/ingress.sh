# shellcheck shell=bash
# Traefik on the nodes that carry the label role, on port 80 of the node.

apply_ingress() {
    ingress_manifest | apply ingress
}

ingress_manifest() {
    cat <<MANIFEST
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ingress-traefik, namespace: kube-system, labels: {k8s-app: ingress-traefik}}
spec:
  selector: {matchLabels: {k8s-app: ingress-traefik}}
  template:
    metadata: {labels: {k8s-app: ingress-traefik}}
    spec:
      serviceAccountName: ingress-traefik
      nodeSelector: {role: "$INGRESS_CONTROLLER_ROLE"}
      containers:
      - name: traefik
        image: $(image "" "$INGRESS_CONTROLLER" "$TRAEFIK_INGRESS_CONTROLLER_TAG")
        args: [--kubernetes, --logLevel=INFO, --ping]
        ports: [{name: http, containerPort: 80, hostPort: 80}]
        readinessProbe: {httpGet: {path: /ping, port: 8080}}
MANIFEST
    account_with_rules kube-system ingress-traefik '{apiGroups: [""], resources: [services, endpoints, secrets],
  verbs: [get, list, watch]}, {apiGroups: [extensions], resources: [ingresses, ingresses/status], verbs: [get, list, watch, update]}'
}
