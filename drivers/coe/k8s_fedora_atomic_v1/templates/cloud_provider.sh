# shellcheck shell=bash
# The OpenStack provider, in-tree or external: load balancers for services and volumes for pods, with the rights of the
# cluster's trust.
CLOUD_CONFIG=/etc/kubernetes/kube_openstack_config

write_cloud_config() {
    (umask 077 && cat >"$CLOUD_CONFIG") <<CONFIGURATION
[Global]
auth-url="$AUTH_URL"
user-id="$TRUSTEE_USER_ID"
password="$TRUSTEE_PASSWORD"
trust-id="$TRUST_ID"
region="$REGION_NAME"
$(if [[ -s /etc/pki/ca-trust/source/anchors/openstack-ca.pem ]]; then echo "ca-file=/etc/kubernetes/ca-bundle.crt"; fi)
[LoadBalancer]
use-octavia=$(is_true "$OCTAVIA_ENABLED" && echo true || echo false)
subnet-id="$CLUSTER_SUBNET"
$(if [[ $EXTERNAL_NETWORK =~ ^[0-9a-f-]{36}$ ]]; then echo "floating-network-id=\"$EXTERNAL_NETWORK\""; fi)
create-monitor=yes
monitor-delay=1m
monitor-timeout=30s
monitor-max-retries=3
[BlockStorage]
bs-version=$BLOCK_STORAGE_VERSION
CONFIGURATION
    install -m 0644 /etc/pki/tls/certs/ca-bundle.crt /etc/kubernetes/ca-bundle.crt
    if getent group kube_etcd >/dev/null; then
        chgrp kube_etcd "$CLOUD_CONFIG"
        chmod 0640 "$CLOUD_CONFIG"
    fi
}

configure_cloud_provider() {
    write_cloud_config
    if [[ -n $CLOUD_PROVIDER_TAG ]]; then
        KUBELET_CLOUD="--cloud-provider=external"
        CONTROLLER_CLOUD="--cloud-provider=external --external-cloud-volume-plugin=openstack --cloud-config=$CLOUD_CONFIG"
    else
        KUBELET_CLOUD="--cloud-provider=openstack --cloud-config=$CLOUD_CONFIG"
        CONTROLLER_CLOUD=$KUBELET_CLOUD
    fi
    export KUBELET_CLOUD CONTROLLER_CLOUD
}

# Only on a master: the external provider and, for the volume driver cinder, a class of volumes.
apply_cloud_provider() {
    if [[ -n $CLOUD_PROVIDER_TAG ]]; then
        external_provider | apply cloud-provider
    fi
    if [[ $VOLUME_DRIVER == cinder ]]; then
        apply cinder-class <<'MANIFEST'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: cinder, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/cinder
MANIFEST
    fi
}

external_provider() {
    cat <<MANIFEST
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: openstack-cloud-controller-manager, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: openstack-cloud-controller-manager}}
  template:
    metadata: {labels: {k8s-app: openstack-cloud-controller-manager}}
    spec:
      nodeSelector: {node-role.kubernetes.io/master: ""}
      hostNetwork: true
      serviceAccountName: cloud-controller-manager
      securityContext: {runAsUser: 0}
      tolerations: [{operator: Exists}]
      containers:
      - name: openstack-cloud-controller-manager
        image: $(image k8scloudprovider/ openstack-cloud-controller-manager "$CLOUD_PROVIDER_TAG")
        args: [/bin/openstack-cloud-controller-manager, --v=2, --cloud-provider=openstack, --use-service-account-credentials=true,
          --address=127.0.0.1, --cloud-config=$CLOUD_CONFIG]
        volumeMounts: [{name: kubernetes, mountPath: /etc/kubernetes, readOnly: true}]
      volumes: [{name: kubernetes, hostPath: {path: /etc/kubernetes}}]
MANIFEST
    account kube-system cloud-controller-manager cluster-admin
}
