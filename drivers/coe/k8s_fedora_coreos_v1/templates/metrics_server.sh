# shellcheck shell=bash
# The metrics server: what nodes and pods use at the moment, for kubectl top and for autoscaling.

apply_metrics_server() {
    metrics_server_manifest | apply metrics-server
}

metrics_server_manifest() {
    cat <<MANIFEST
apiVersion: apps/v1
kind: Deployment
metadata: {name: metrics-server, namespace: kube-system, labels: {k8s-app: metrics-server}}
spec:
  selector: {matchLabels: {k8s-app: metrics-server}}
  template:
    metadata: {labels: {k8s-app: metrics-server}}
    spec:
      serviceAccountName: metrics-server
      priorityClassName: system-cluster-critical
      tolerations: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]
      containers:
      - name: metrics-server
        image: $(image registry.k8s.io/metrics-server/ metrics-server "$METRICS_SERVER_TAG")
        args: [--cert-dir=/tmp, --secure-port=10250, --metric-resolution=15s, --kubelet-preferred-address-types=InternalIP,
          --kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt]
        ports: [{name: https, containerPort: 10250}]
        livenessProbe: {httpGet: {path: /livez, port: https, scheme: HTTPS}, periodSeconds: 10}
        readinessProbe: {httpGet: {path: /readyz, port: https, scheme: HTTPS},
          initialDelaySeconds: $SYSTEM_PODS_INITIAL_DELAY, timeoutSeconds: $SYSTEM_PODS_TIMEOUT}
        resources: {requests: {cpu: 100m, memory: 200Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true,
          runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
        volumeMounts: [{name: tmp, mountPath: /tmp}]
      volumes: [{name: tmp, emptyDir: {}}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics-server, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: system:aggregated-metrics-reader
  labels:
    rbac.authorization.k8s.io/aggregate-to-admin: "true"
    rbac.authorization.k8s.io/aggregate-to-edit: "true"
    rbac.authorization.k8s.io/aggregate-to-view: "true"
rules: [{apiGroups: [metrics.k8s.io], resources: [pods, nodes], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "metrics-server:system:auth-delegator"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"}
subjects: [{kind: ServiceAccount, name: metrics-server, namespace: kube-system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: metrics-server-auth-reader, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{kind: ServiceAccount, name: metrics-server, namespace: kube-system}]
MANIFEST
    service kube-system metrics-server 443 10250
    account_with_rules kube-system metrics-server '{apiGroups: [""], resources: [nodes/metrics], verbs: [get]},
  {apiGroups: [""], resources: [pods, nodes], verbs: [get, list, watch]}'
}
