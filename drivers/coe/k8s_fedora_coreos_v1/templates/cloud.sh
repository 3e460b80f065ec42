# shellcheck shell=bash
# OpenStack's own controllers in the cluster, with the rights of the cluster's trust: load balancers for services,
# addresses of nodes, volumes for pods. There is nothing of them without a trust.

apply_cloud_provider() {
    if ! has_cloud_provider; then
        return 0
    fi
    cloud_secret | apply cloud-config
    cloud_controller_manifest | apply cloud-controller-manager
    if is_true "$CINDER_CSI_ENABLED"; then
        cinder_csi_manifest | apply cinder-csi
    fi
}

cloud_config() {
    cat <<CONFIGURATION
[Global]
auth-url="$AUTH_URL"
user-id="$TRUSTEE_USER_ID"
password="$TRUSTEE_PASSWORD"
trust-id="$TRUST_ID"
region="$REGION_NAME"
tls-insecure=$(is_true "$VERIFY_CA" && echo false || echo true)
$(if grep -q BEGIN /etc/magnum/openstack-ca.pem 2>/dev/null; then echo ca-file=/etc/config/ca.pem; fi)
[LoadBalancer]
enabled=$(is_true "$OCTAVIA_ENABLED" && echo true || echo false)
subnet-id="$CLUSTER_SUBNET"
$(if [[ $EXTERNAL_NETWORK =~ ^[0-9a-f-]{36}$ ]]; then echo "floating-network-id=\"$EXTERNAL_NETWORK\""; fi)
create-monitor=true
monitor-delay=60s
monitor-timeout=30s
monitor-max-retries=3
CONFIGURATION
}

cloud_secret() {
    cat <<MANIFEST
apiVersion: v1
kind: Secret
metadata: {name: cloud-config, namespace: kube-system}
data: {cloud.conf: "$(cloud_config | base64 -w0)", ca.pem: "$(base64 -w0 /etc/magnum/openstack-ca.pem 2>/dev/null || true)"}
MANIFEST
}

cloud_controller_manifest() {
    cat <<MANIFEST
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: openstack-cloud-controller-manager, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: openstack-cloud-controller-manager}}
  template:
    metadata: {labels: {k8s-app: openstack-cloud-controller-manager}}
    spec:
      hostNetwork: true
      nodeSelector: {node-role.kubernetes.io/control-plane: ""}
      priorityClassName: system-cluster-critical
      serviceAccountName: cloud-controller-manager
      tolerations: [{operator: Exists}]
      containers:
      - name: openstack-cloud-controller-manager
        image: $(image registry.k8s.io/provider-os/ openstack-cloud-controller-manager "$CLOUD_PROVIDER_TAG")
        args: [/bin/openstack-cloud-controller-manager, "--cluster-name=$CLUSTER_UUID", --cloud-config=/etc/config/cloud.conf,
          --cloud-provider=openstack, --use-service-account-credentials=false, --bind-address=127.0.0.1]
        resources: {requests: {cpu: 100m}}
        volumeMounts: [{name: cloud-config, mountPath: /etc/config, readOnly: true}]
      volumes: [{name: cloud-config, secret: {secretName: cloud-config}}]
MANIFEST
    account_with_rules kube-system cloud-controller-manager '{apiGroups: [coordination.k8s.io], resources: [leases],
  verbs: [get, create, update]}, {apiGroups: [""], resources: [events], verbs: [create, patch, update]},
  {apiGroups: [""], resources: [nodes], verbs: ["*"]}, {apiGroups: [""], resources: [nodes/status, services/status], verbs: [patch]},
  {apiGroups: [""], resources: [services], verbs: [list, watch, patch, update]},
  {apiGroups: [""], resources: [serviceaccounts], verbs: [create, get]},
  {apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]},
  {apiGroups: [""], resources: [persistentvolumes], verbs: [get, list, watch, update]},
  {apiGroups: [""], resources: [endpoints], verbs: [create, get, list, watch, update]},
  {apiGroups: [""], resources: [configmaps, secrets], verbs: [get, list, watch]}'
}

# sidecar ARGUMENTS NAME TAG: a container that tells the plug-in what Kubernetes wants.
sidecar() {
    cat <<MANIFEST
      - name: $2
        image: $(image registry.k8s.io/sig-storage/ "$2" "$3")
        args: [--csi-address=/csi/csi.sock, $1]
        volumeMounts:
        - {name: socket, mountPath: /csi}
MANIFEST
}

# cinder_plugin ARGUMENT MOUNTS
cinder_plugin() {
    cat <<MANIFEST
      - name: cinder-csi-plugin
        image: $(image registry.k8s.io/provider-os/ cinder-csi-plugin "$CINDER_CSI_PLUGIN_TAG")
        args: [/bin/cinder-csi-plugin, --endpoint=unix:///csi/csi.sock, --cloud-config=/etc/config/cloud.conf,
          "--cluster=$CLUSTER_UUID", $1]
        volumeMounts:
        - {name: socket, mountPath: /csi}
        - {name: cloud-config, mountPath: /etc/config, readOnly: true}
MANIFEST
}

cinder_csi_manifest() {
    local common="--timeout=3m, --leader-election=true" folder=/var/lib/kubelet/plugins/cinder.csi.openstack.org
    cat <<MANIFEST
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: cinder.csi.openstack.org}
spec: {attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: [Persistent, Ephemeral]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: csi-cinder-controllerplugin, namespace: kube-system}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: csi-cinder-controllerplugin}}
  template:
    metadata: {labels: {app: csi-cinder-controllerplugin}}
    spec:
      serviceAccountName: csi-cinder-controller
      tolerations: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]
      containers:
$(sidecar "$common" csi-attacher "$CSI_ATTACHER_TAG")
$(sidecar "$common, --default-fstype=ext4, --feature-gates=Topology=true, --extra-create-metadata" \
    csi-provisioner "$CSI_PROVISIONER_TAG")
$(sidecar "$common, --handle-volume-inuse-error=false" csi-resizer "$CSI_RESIZER_TAG")
$(cinder_plugin --provide-node-service=false)
      volumes: [{name: socket, emptyDir: {}}, {name: cloud-config, secret: {secretName: cloud-config}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: csi-cinder-nodeplugin, namespace: kube-system}
spec:
  selector: {matchLabels: {app: csi-cinder-nodeplugin}}
  template:
    metadata: {labels: {app: csi-cinder-nodeplugin}}
    spec:
      hostNetwork: true
      priorityClassName: system-node-critical
      serviceAccountName: csi-cinder-node
      tolerations: [{operator: Exists}]
      containers:
$(sidecar "--kubelet-registration-path=$folder/csi.sock" csi-node-driver-registrar "$CSI_NODE_DRIVER_REGISTRAR_TAG")
        - {name: registration, mountPath: /registration}
$(cinder_plugin --provide-controller-service=false)
        - {name: kubelet, mountPath: /var/lib/kubelet, mountPropagation: Bidirectional}
        - {name: dev, mountPath: /dev, mountPropagation: HostToContainer}
        securityContext: {privileged: true}
      volumes:
      - {name: socket, hostPath: {path: $folder, type: DirectoryOrCreate}}
      - {name: registration, hostPath: {path: /var/lib/kubelet/plugins_registry, type: Directory}}
      - {name: kubelet, hostPath: {path: /var/lib/kubelet, type: Directory}}
      - {name: dev, hostPath: {path: /dev, type: Directory}}
      - {name: cloud-config, secret: {secretName: cloud-config}}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: cinder
  annotations: {storageclass.kubernetes.io/is-default-class: "$([[ $VOLUME_DRIVER == cinder ]] && echo true || echo false)"}
provisioner: cinder.csi.openstack.org
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
MANIFEST
    cinder_csi_rights
}

cinder_csi_rights() {
    account_with_rules kube-system csi-cinder-node '{apiGroups: [""], resources: [events], verbs: [get, list, watch, create, update, patch]}'
    account_with_rules kube-system csi-cinder-controller '{apiGroups: [""], resources: [persistentvolumes],
  verbs: [get, list, watch, create, update, patch, delete]},
  {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, list, watch, update, patch]},
  {apiGroups: [""], resources: [persistentvolumeclaims/status], verbs: [patch]},
  {apiGroups: [""], resources: [nodes, pods], verbs: [get, list, watch]},
  {apiGroups: [""], resources: [events], verbs: [get, list, watch, create, update, patch]},
  {apiGroups: [storage.k8s.io], resources: [storageclasses, csinodes, volumeattributesclasses], verbs: [get, list, watch]},
  {apiGroups: [storage.k8s.io], resources: [volumeattachments], verbs: [get, list, watch, update, patch]},
  {apiGroups: [storage.k8s.io], resources: [volumeattachments/status], verbs: [patch]},
  {apiGroups: [snapshot.storage.k8s.io], resources: [volumesnapshots, volumesnapshotcontents], verbs: [get, list]},
  {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, create, update, patch, delete]}'
}
