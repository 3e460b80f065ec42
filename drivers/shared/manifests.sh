# shellcheck shell=bash
# Pieces of manifests that several extras need. Each begins with the separator of YAML documents.

# account NAMESPACE NAME ROLE: a service account with a cluster role.
account() {
    cat <<MANIFEST
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: $2, namespace: $1}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "magnum:$2"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "$3"}
subjects: [{kind: ServiceAccount, name: $2, namespace: $1}]
MANIFEST
}

# account_with_rules NAMESPACE NAME RULES: the same with a cluster role of its own.
account_with_rules() {
    account "$1" "$2" "magnum:$2"
    cat <<MANIFEST
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "magnum:$2"}
rules: [$3]
MANIFEST
}

# workload NAMESPACE NAME IMAGE PORT ACCOUNT SETTING VOLUME FOLDER: a deployment of one pod.
workload() {
    cat <<MANIFEST
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $2, namespace: $1}
spec:
  selector: {matchLabels: {k8s-app: $2}}
  template:
    metadata: {labels: {k8s-app: $2}}
    spec:
      serviceAccountName: $5
      containers:
      - name: $2
        image: $3
        ports: [{containerPort: $4}]
        readinessProbe:
          tcpSocket: {port: $4}
          initialDelaySeconds: $SYSTEM_PODS_INITIAL_DELAY
          timeoutSeconds: $SYSTEM_PODS_TIMEOUT
        $6
        volumeMounts: [{name: data, mountPath: $8}]
      volumes: [{name: data, $7}]
MANIFEST
}

# service NAMESPACE NAME PORT TARGET
service() {
    cat <<MANIFEST
---
apiVersion: v1
kind: Service
metadata: {name: $2, namespace: $1}
spec: {selector: {k8s-app: $2}, ports: [{port: $3, targetPort: $4}]}
MANIFEST
}

# node_port NAMESPACE NAME PORT NODE_PORT
node_port() {
    cat <<MANIFEST
---
apiVersion: v1
kind: Service
metadata: {name: $2, namespace: $1}
spec: {type: NodePort, selector: {k8s-app: $2}, ports: [{port: $3, targetPort: $3, nodePort: $4}]}
MANIFEST
}
