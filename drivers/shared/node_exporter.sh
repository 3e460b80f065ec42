# shellcheck shell=bash
# What Prometheus asks about the machine itself.

# A static pod, which needs nobody to schedule it.
run_node_exporter() {
    if ! is_true "$PROMETHEUS_MONITORING"; then
        return 0
    fi
    cat >/etc/kubernetes/manifests/node-exporter.yaml <<MANIFEST
apiVersion: v1
kind: Pod
metadata: {name: node-exporter, namespace: kube-system, labels: {app: node-exporter}}
spec:
  hostNetwork: true
  containers:
  - name: node-exporter
    image: $(image prom/ node-exporter "$NODE_EXPORTER_TAG")
    args: [--path.procfs=/host/proc, --path.sysfs=/host/sys]
    ports: [{containerPort: 9100, hostPort: 9100}]
    volumeMounts:
    - {name: proc, mountPath: /host/proc, readOnly: true}
    - {name: sys, mountPath: /host/sys, readOnly: true}
  volumes:
  - {name: proc, hostPath: {path: /proc}}
  - {name: sys, hostPath: {path: /sys}}
MANIFEST
}
