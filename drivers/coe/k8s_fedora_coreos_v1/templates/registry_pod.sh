# shellcheck shell=bash
# The registry as a static pod on the node's own loopback address. It starts again with other settings.

run_registry() {
    if ! is_true "$REGISTRY_ENABLED"; then
        return 0
    fi
    if [[ -z $TRUST_ID ]]; then
        log "no registry: its images would lie in Swift, and the cluster has no trust to reach it"
        return 0
    fi
    registry_settings "127.0.0.1:$REGISTRY_PORT"
    registry_pod >/etc/kubernetes/manifests/registry.yaml
}

registry_pod() {
    cat <<MANIFEST
apiVersion: v1
kind: Pod
metadata:
  name: registry
  namespace: kube-system
  labels: {k8s-app: registry}
  annotations: {magnum.openstack.org/settings: "$(sha256sum </etc/magnum/registry/config.yml | cut -c -16)"}
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
  - name: registry
    image: $(image "" registry "$REGISTRY_TAG")
    volumeMounts: [{name: settings, mountPath: /etc/docker/registry, readOnly: true}]
  volumes: [{name: settings, hostPath: {path: /etc/magnum/registry}}]
MANIFEST
}
