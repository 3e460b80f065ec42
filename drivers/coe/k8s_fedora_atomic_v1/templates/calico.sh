# shellcheck shell=bash
# Calico as the network of the pods; it keeps its state in the cluster's etcd and is its client with the master's key.

calico_endpoints() {
    local address list="" scheme
    scheme=$(etcd_protocol)
    for address in ${MASTER_ADDRESSES//,/ }; do
        list+="${list:+,}$scheme://$address:2379"
    done
    printf '%s' "$list"
}

calico_key() {
    if [[ -s $CERTIFICATES/$1 ]]; then
        base64 -w0 "$CERTIFICATES/$1"
    fi
}

apply_calico() {
    calico_manifest | apply calico
}

calico_manifest() {
    cat <<MANIFEST
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data:
  etcd_endpoints: "$(calico_endpoints)"
  etcd_ca: "/calico-secrets/etcd-ca"
  etcd_cert: "/calico-secrets/etcd-cert"
  etcd_key: "/calico-secrets/etcd-key"
  cni_network_config: |
    {"name": "k8s-pod-network", "cniVersion": "0.3.0", "plugins": [
      {"type": "calico", "log_level": "info", "etcd_endpoints": "__ETCD_ENDPOINTS__", "etcd_key_file": "__ETCD_KEY_FILE__",
       "etcd_cert_file": "__ETCD_CERT_FILE__", "etcd_ca_cert_file": "__ETCD_CA_CERT_FILE__", "mtu": 1430,
       "ipam": {"type": "calico-ipam"}, "policy": {"type": "k8s"}, "kubernetes": {"kubeconfig": "__KUBECONFIG_FILEPATH__"}},
      {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: calico-etcd-secrets, namespace: kube-system}
data: {etcd-ca: "$(calico_key ca.crt)", etcd-cert: "$(calico_key server.crt)", etcd-key: "$(calico_key server.key)"}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      hostNetwork: true
      serviceAccountName: calico-node
      terminationGracePeriodSeconds: 0
      tolerations: [{operator: Exists}]
      containers:
      - name: calico-node
        image: $(image calico/ node "$CALICO_TAG")
        env:
$(calico_environment)
        - {name: CLUSTER_TYPE, value: "k8s,bgp"}
        - {name: CALICO_K8S_NODE_REF, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: CALICO_NETWORKING_BACKEND, value: bird}
        - {name: IP, value: autodetect}
        - {name: CALICO_IPV4POOL_CIDR, value: "$CALICO_IPV4POOL"}
        - {name: CALICO_IPV4POOL_IPIP, value: "$CALICO_IPV4POOL_IPIP"}
        - {name: CALICO_IPV4POOL_NAT_OUTGOING, value: "true"}
        - {name: CALICO_DISABLE_FILE_LOGGING, value: "true"}
        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: ACCEPT}
        - {name: FELIX_IPV6SUPPORT, value: "false"}
        - {name: FELIX_HEALTHENABLED, value: "true"}
        securityContext: {privileged: true}
        readinessProbe: {exec: {command: [/bin/calico-node, -bird-ready, -felix-ready]}, periodSeconds: 10}
        volumeMounts:
        - {name: modules, mountPath: /lib/modules, readOnly: true}
        - {name: run, mountPath: /var/run/calico}
        - {name: lib, mountPath: /var/lib/calico}
        - {name: secrets, mountPath: /calico-secrets}
      - name: install-cni
        image: $(image calico/ cni "$CALICO_CNI_TAG")
        command: [/install-cni.sh]
        env:
$(calico_environment)
        - {name: CNI_CONF_NAME, value: 10-calico.conflist}
        - {name: CNI_NETWORK_CONFIG, valueFrom: {configMapKeyRef: {name: calico-config, key: cni_network_config}}}
        volumeMounts:
        - {name: cni-bin, mountPath: /host/opt/cni/bin}
        - {name: cni-net, mountPath: /host/etc/cni/net.d}
        - {name: secrets, mountPath: /calico-secrets}
      volumes:
      - {name: modules, hostPath: {path: /lib/modules}}
      - {name: run, hostPath: {path: /var/run/calico}}
      - {name: lib, hostPath: {path: /var/lib/calico}}
      - {name: cni-bin, hostPath: {path: /opt/cni/bin}}
      - {name: cni-net, hostPath: {path: /etc/cni/net.d}}
      - {name: secrets, secret: {secretName: calico-etcd-secrets, defaultMode: 256}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calico-kube-controllers, namespace: kube-system}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {k8s-app: calico-kube-controllers}}
  template:
    metadata: {labels: {k8s-app: calico-kube-controllers}}
    spec:
      hostNetwork: true
      serviceAccountName: calico-kube-controllers
      tolerations: [{key: node-role.kubernetes.io/master, effect: NoSchedule}, {key: CriticalAddonsOnly, operator: Exists}]
      containers:
      - name: calico-kube-controllers
        image: $(image calico/ kube-controllers "$CALICO_KUBE_CONTROLLERS_TAG")
        env:
$(calico_environment)
        - {name: ENABLED_CONTROLLERS, value: "policy,namespace,serviceaccount,workloadendpoint,node"}
        volumeMounts: [{name: secrets, mountPath: /calico-secrets}]
      volumes: [{name: secrets, secret: {secretName: calico-etcd-secrets, defaultMode: 256}}]
MANIFEST
    account_with_rules kube-system calico-node '{apiGroups: [""], resources: [pods, nodes, namespaces], verbs: [get]}'
    account_with_rules kube-system calico-kube-controllers '{apiGroups: ["", extensions, networking.k8s.io],
  resources: [pods, namespaces, networkpolicies, nodes, serviceaccounts], verbs: [watch, list]}'
}

calico_environment() {
    local name key
    for name in ETCD_ENDPOINTS ETCD_CA_CERT_FILE ETCD_CERT_FILE ETCD_KEY_FILE; do
        case $name in
            ETCD_CA_CERT_FILE) key=etcd_ca ;;
            *) key=${name,,} && key=${key%_file} ;;
        esac
        printf '        - {name: %s, valueFrom: {configMapKeyRef: {name: calico-config, key: %s}}}\n' "$name" "$key"
    done
}
