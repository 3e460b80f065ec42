# shellcheck shell=bash
# The cluster's DNS server, at the service address every kubelet is told.

apply_coredns() {
    coredns_manifest | apply coredns
}

# Up to 1.4 CoreDNS had other plug-ins, and no way to ask whether it is ready.
is_old_coredns() {
    [[ ${COREDNS_TAG#v} =~ ^1\.[0-4]\. ]]
}

corefile() {
    if is_old_coredns; then
        cat <<COREFILE
        health
        kubernetes $DNS_CLUSTER_DOMAIN $PORTAL_NETWORK_CIDR $PODS_NETWORK_CIDR {
            pods verified
            upstream /etc/resolv.conf
        }
        proxy . /etc/resolv.conf
COREFILE
    else
        cat <<COREFILE
        health {
            lameduck 5s
        }
        ready
        kubernetes $DNS_CLUSTER_DOMAIN $PORTAL_NETWORK_CIDR $PODS_NETWORK_CIDR {
            pods verified
        }
        prometheus :9153
        forward . /etc/resolv.conf
        loop
        reload
        loadbalance
COREFILE
    fi
}

# Kubernetes' own copies of the image have a v before the version.
coredns_manifest() {
    local home=coredns/ ready=""
    if [[ $COREDNS_TAG == v* ]]; then
        home=registry.k8s.io/coredns/
    fi
    if ! is_old_coredns; then
        ready="readinessProbe: {httpGet: {path: /ready, port: 8181}}"
    fi
    cat <<MANIFEST
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data:
  Corefile: |
    .:53 {
        errors
$(corefile)
        cache 30
    }
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: coredns}}
spec:
  replicas: 2
  selector: {matchLabels: {k8s-app: coredns}}
  template:
    metadata: {labels: {k8s-app: coredns}}
    spec:
      serviceAccountName: coredns
      dnsPolicy: Default
      tolerations:
      - {key: node-role.kubernetes.io/master, effect: NoSchedule}
      - {key: node-role.kubernetes.io/control-plane, effect: NoSchedule}
      - {key: CriticalAddonsOnly, operator: Exists}
      containers:
      - name: coredns
        image: $(image "$home" coredns "$COREDNS_TAG")
        args: [-conf, /etc/coredns/Corefile]
        resources: {requests: {cpu: 100m, memory: 70Mi}, limits: {memory: 170Mi}}
        ports: [{containerPort: 53, name: dns, protocol: UDP}, {containerPort: 53, name: dns-tcp}]
        livenessProbe:
          httpGet: {path: /health, port: 8080}
          initialDelaySeconds: $SYSTEM_PODS_INITIAL_DELAY
          timeoutSeconds: $SYSTEM_PODS_TIMEOUT
        $ready
        volumeMounts: [{name: config, mountPath: /etc/coredns}]
      volumes: [{name: config, configMap: {name: coredns}}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: coredns, kubernetes.io/name: CoreDNS}}
spec:
  selector: {k8s-app: coredns}
  clusterIP: $DNS_SERVICE_IP
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
MANIFEST
    account_with_rules kube-system coredns \
        '{apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]},
  {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}'
}
