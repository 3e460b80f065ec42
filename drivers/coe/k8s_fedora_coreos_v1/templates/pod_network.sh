# shellcheck shell=bash
# The network of the pods: flannel or calico. Both keep their state in Kubernetes, neither talks to etcd.

apply_network() {
    if [[ $NETWORK_DRIVER == calico ]]; then
        calico_manifest | apply calico
    else
        flannel_manifest | apply flannel
    fi
}

flannel_manifest() {
    cat <<MANIFEST
apiVersion: v1
kind: Namespace
metadata: {name: kube-flannel, labels: {pod-security.kubernetes.io/enforce: privileged}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  cni-conf.json: |
    {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [
      {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
      {"type": "portmap", "capabilities": {"portMappings": true}}]}
  net-conf.json: |
    {"Network": "$FLANNEL_NETWORK_CIDR", "EnableNFTables": false, "Backend": {"Type": "$FLANNEL_BACKEND"}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel-ds, namespace: kube-flannel}
spec:
  selector: {matchLabels: {app: flannel}}
  template:
    metadata: {labels: {app: flannel}}
    spec:
      hostNetwork: true
      priorityClassName: system-node-critical
      serviceAccountName: flannel
      tolerations: [{operator: Exists}]
      initContainers:
      - name: install-cni-plugin
        image: $(image ghcr.io/flannel-io/ flannel-cni-plugin "$FLANNEL_CNI_TAG")
        command: [cp, -f, /flannel, /opt/cni/bin/flannel]
        volumeMounts: [{name: cni-bin, mountPath: /opt/cni/bin}]
      - name: install-cni
        image: $(image ghcr.io/flannel-io/ flannel "$FLANNEL_TAG")
        command: [cp, -f, /etc/kube-flannel/cni-conf.json, /etc/cni/net.d/10-flannel.conflist]
        volumeMounts: [{name: cni-net, mountPath: /etc/cni/net.d}, {name: settings, mountPath: /etc/kube-flannel/}]
      containers:
      - name: kube-flannel
        image: $(image ghcr.io/flannel-io/ flannel "$FLANNEL_TAG")
        command: [/opt/bin/flanneld, --ip-masq, --kube-subnet-mgr, "--iface-can-reach=$KUBE_API_PRIVATE_ADDRESS"]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        resources: {requests: {cpu: 100m, memory: 50Mi}}
        securityContext: {privileged: false, capabilities: {add: [NET_ADMIN, NET_RAW]}}
        volumeMounts:
        - {name: run, mountPath: /run/flannel}
        - {name: settings, mountPath: /etc/kube-flannel/}
        - {name: xtables-lock, mountPath: /run/xtables.lock}
      volumes:
      - {name: run, hostPath: {path: /run/flannel}}
      - {name: cni-bin, hostPath: {path: /opt/cni/bin}}
      - {name: cni-net, hostPath: {path: /etc/cni/net.d}}
      - {name: settings, configMap: {name: kube-flannel-cfg}}
      - {name: xtables-lock, hostPath: {path: /run/xtables.lock, type: FileOrCreate}}
MANIFEST
    account_with_rules kube-flannel flannel '{apiGroups: [""], resources: [pods], verbs: [get]},
  {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}, {apiGroups: [""], resources: [nodes/status], verbs: [patch]}'
}

# Kind, plural and scope of what calico keeps in Kubernetes.
calico_kinds() {
    printf '%s\n' "BGPConfiguration bgpconfigurations Cluster" "BGPFilter bgpfilters Cluster" "BGPPeer bgppeers Cluster" \
        "BlockAffinity blockaffinities Cluster" "CalicoNodeStatus caliconodestatuses Cluster" \
        "ClusterInformation clusterinformations Cluster" "FelixConfiguration felixconfigurations Cluster" \
        "GlobalNetworkPolicy globalnetworkpolicies Cluster" "GlobalNetworkSet globalnetworksets Cluster" \
        "HostEndpoint hostendpoints Cluster" "IPAMBlock ipamblocks Cluster" "IPAMConfig ipamconfigs Cluster" \
        "IPAMHandle ipamhandles Cluster" "IPPool ippools Cluster" "IPReservation ipreservations Cluster" \
        "KubeControllersConfiguration kubecontrollersconfigurations Cluster" "NetworkPolicy networkpolicies Namespaced" \
        "NetworkSet networksets Namespaced" "StagedGlobalNetworkPolicy stagedglobalnetworkpolicies Cluster" \
        "StagedKubernetesNetworkPolicy stagedkubernetesnetworkpolicies Namespaced" \
        "StagedNetworkPolicy stagednetworkpolicies Namespaced" "Tier tiers Cluster"
}

# kind_definition GROUP VERSION KIND PLURAL SCOPE: any content; calico checks what it reads itself.
kind_definition() {
    cat <<MANIFEST
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: $4.$1
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/network-policy-api/pull/30"}
spec:
  group: $1
  names: {kind: $3, listKind: ${3}List, plural: $4, singular: ${3,,}}
  scope: $5
  versions:
  - {name: $2, served: true, storage: true,
     schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
MANIFEST
}

calico_definitions() {
    local kind plural scope
    while read -r kind plural scope; do
        kind_definition crd.projectcalico.org v1 "$kind" "$plural" "$scope"
    done < <(calico_kinds)
    kind_definition policy.networking.k8s.io v1alpha1 AdminNetworkPolicy adminnetworkpolicies Cluster
    kind_definition policy.networking.k8s.io v1alpha1 BaselineAdminNetworkPolicy baselineadminnetworkpolicies Cluster
}

calico_manifest() {
    calico_definitions
    calico_rights
    cat <<MANIFEST
---
apiVersion: v1
kind: ConfigMap
metadata: {name: calico-config, namespace: kube-system}
data:
  cni_network_config: |
    {"name": "k8s-pod-network", "cniVersion": "0.3.1", "plugins": [
      {"type": "calico", "log_level": "info", "datastore_type": "kubernetes", "nodename": "__KUBERNETES_NODE_NAME__",
       "mtu": __CNI_MTU__, "ipam": {"type": "calico-ipam"}, "policy": {"type": "k8s"},
       "kubernetes": {"kubeconfig": "__KUBECONFIG_FILEPATH__"}},
      {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}]}
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
      priorityClassName: system-node-critical
      serviceAccountName: calico-node
      terminationGracePeriodSeconds: 0
      tolerations: [{operator: Exists}]
      initContainers:
      - name: install-cni
        image: $(image quay.io/calico/ cni "$CALICO_CNI_TAG")
        command: [/opt/cni/bin/install]
        env:
        - {name: KUBERNETES_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: CNI_CONF_NAME, value: 10-calico.conflist}
        - {name: CNI_MTU, value: "0"}
        - {name: CNI_NETWORK_CONFIG, valueFrom: {configMapKeyRef: {name: calico-config, key: cni_network_config}}}
        - {name: SLEEP, value: "false"}
        securityContext: {privileged: true}
        volumeMounts: [{name: cni-bin, mountPath: /host/opt/cni/bin}, {name: cni-net, mountPath: /host/etc/cni/net.d}]
      containers:
      - name: calico-node
        image: $(image quay.io/calico/ node "$CALICO_TAG")
        env:
        - {name: DATASTORE_TYPE, value: kubernetes}
        - {name: WAIT_FOR_DATASTORE, value: "true"}
        - {name: NODENAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: CALICO_NETWORKING_BACKEND, value: bird}
        - {name: CLUSTER_TYPE, value: "k8s,bgp"}
        - {name: IP, value: autodetect}
        - {name: IP_AUTODETECTION_METHOD, value: kubernetes-internal-ip}
        - {name: CALICO_IPV4POOL_CIDR, value: "$CALICO_IPV4POOL"}
        - {name: CALICO_IPV4POOL_IPIP, value: "$CALICO_IPV4POOL_IPIP"}
        - {name: CALICO_IPV4POOL_VXLAN, value: Never}
        - {name: CALICO_DISABLE_FILE_LOGGING, value: "true"}
        - {name: FELIX_DEFAULTENDPOINTTOHOSTACTION, value: ACCEPT}
        - {name: FELIX_IPV6SUPPORT, value: "false"}
        - {name: FELIX_HEALTHENABLED, value: "true"}
        securityContext: {privileged: true}
        resources: {requests: {cpu: 250m}}
        lifecycle: {preStop: {exec: {command: [/bin/calico-node, -shutdown]}}}
        livenessProbe: {exec: {command: [/bin/calico-node, -felix-live, -bird-live]}, periodSeconds: 10,
          initialDelaySeconds: 10, failureThreshold: 6, timeoutSeconds: 10}
        readinessProbe: {exec: {command: [/bin/calico-node, -felix-ready, -bird-ready]}, periodSeconds: 10, timeoutSeconds: 10}
        volumeMounts:
        - {name: modules, mountPath: /lib/modules, readOnly: true}
        - {name: xtables-lock, mountPath: /run/xtables.lock}
        - {name: run, mountPath: /var/run/calico}
        - {name: lib, mountPath: /var/lib/calico}
        - {name: cni-net, mountPath: /host/etc/cni/net.d}
        - {name: policysync, mountPath: /var/run/nodeagent}
      volumes:
      - {name: modules, hostPath: {path: /lib/modules}}
      - {name: xtables-lock, hostPath: {path: /run/xtables.lock, type: FileOrCreate}}
      - {name: run, hostPath: {path: /var/run/calico, type: DirectoryOrCreate}}
      - {name: lib, hostPath: {path: /var/lib/calico, type: DirectoryOrCreate}}
      - {name: cni-bin, hostPath: {path: /opt/cni/bin}}
      - {name: cni-net, hostPath: {path: /etc/cni/net.d}}
      - {name: policysync, hostPath: {path: /var/run/nodeagent, type: DirectoryOrCreate}}
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
      priorityClassName: system-cluster-critical
      serviceAccountName: calico-kube-controllers
      tolerations:
      - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}
      - {key: CriticalAddonsOnly, operator: Exists}
      containers:
      - name: calico-kube-controllers
        image: $(image quay.io/calico/ kube-controllers "$CALICO_KUBE_CONTROLLERS_TAG")
        env: [{name: ENABLED_CONTROLLERS, value: "node,loadbalancer"}, {name: DATASTORE_TYPE, value: kubernetes}]
        livenessProbe: {exec: {command: [/usr/bin/check-status, -l]}, periodSeconds: 10, initialDelaySeconds: 10,
          failureThreshold: 6, timeoutSeconds: 10}
        readinessProbe: {exec: {command: [/usr/bin/check-status, -r]}, periodSeconds: 10}
MANIFEST
}

calico_rights() {
    local own='{apiGroups: [crd.projectcalico.org], resources: ["*"], verbs: [get, list, watch, create, update, delete]}'
    account_with_rules kube-system calico-node "$own, {apiGroups: [\"\"], resources: [serviceaccounts/token],
  resourceNames: [calico-cni-plugin], verbs: [create]},
  {apiGroups: [\"\"], resources: [pods, nodes, namespaces, services, endpoints, serviceaccounts, configmaps], verbs: [get, list, watch]},
  {apiGroups: [\"\"], resources: [nodes/status, pods/status], verbs: [patch, update]},
  {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]},
  {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]},
  {apiGroups: [policy.networking.k8s.io], resources: [adminnetworkpolicies, baselineadminnetworkpolicies], verbs: [list, watch]}"
    account_with_rules kube-system calico-cni-plugin "$own, {apiGroups: [\"\"], resources: [pods, nodes, namespaces], verbs: [get]},
  {apiGroups: [\"\"], resources: [pods/status], verbs: [patch]}"
    account_with_rules kube-system calico-kube-controllers "$own,
  {apiGroups: [\"\"], resources: [nodes, pods, services, namespaces], verbs: [get, list, watch]},
  {apiGroups: [\"\"], resources: [services/status], verbs: [get, update]}"
}
