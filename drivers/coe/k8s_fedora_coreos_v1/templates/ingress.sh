# shellcheck shell=bash
# One of three ingress controllers: traefik and nginx on ports 80 and 443 of the nodes that carry the label role, Octavia
# with a load balancer of its own for each ingress.

apply_ingress() {
    case $INGRESS_CONTROLLER in
        "") return 0 ;;
        octavia) if has_cloud_provider; then octavia_ingress_manifest | apply ingress; fi ;;
        *) "${INGRESS_CONTROLLER}_ingress_manifest" | apply ingress ;;
    esac
}

# ingress_class NAME CONTROLLER
ingress_class() {
    cat <<MANIFEST
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: $1, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}}
spec: {controller: $2}
MANIFEST
}

traefik_ingress_manifest() {
    ingress_class traefik traefik.io/ingress-controller
    cat <<MANIFEST
---
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
        image: $(image "" traefik "$TRAEFIK_INGRESS_CONTROLLER_TAG")
        args: [--providers.kubernetesingress, "--entrypoints.web.address=:80", "--entrypoints.websecure.address=:443",
          "--entrypoints.traefik.address=:8080", --ping, --log.level=INFO]
        ports: [{name: http, containerPort: 80, hostPort: 80}, {name: https, containerPort: 443, hostPort: 443}]
        readinessProbe: {httpGet: {path: /ping, port: 8080}}
MANIFEST
    account_with_rules kube-system ingress-traefik '{apiGroups: [""], resources: [services, secrets, nodes], verbs: [get, list, watch]},
  {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]},
  {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]},
  {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]}'
}

nginx_ingress_manifest() {
    ingress_class nginx k8s.io/ingress-nginx
    cat <<MANIFEST
---
apiVersion: v1
kind: Namespace
metadata: {name: ingress-nginx}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx, labels: {k8s-app: ingress-nginx}}
spec:
  selector: {matchLabels: {k8s-app: ingress-nginx}}
  template:
    metadata: {labels: {k8s-app: ingress-nginx}}
    spec:
      serviceAccountName: ingress-nginx
      nodeSelector: {role: "$INGRESS_CONTROLLER_ROLE"}
      containers:
      - name: controller
        image: $(image registry.k8s.io/ingress-nginx/ controller "$NGINX_INGRESS_CONTROLLER_TAG")
        args: [/nginx-ingress-controller, --election-id=ingress-nginx-leader, --controller-class=k8s.io/ingress-nginx,
          --ingress-class=nginx, --configmap=ingress-nginx/ingress-nginx-controller, --report-node-internal-ip-address]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        ports: [{name: http, containerPort: 80, hostPort: 80}, {name: https, containerPort: 443, hostPort: 443}]
        readinessProbe: {httpGet: {path: /healthz, port: 10254}}
        securityContext: {runAsUser: 101, runAsNonRoot: true, allowPrivilegeEscalation: false,
          capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}
MANIFEST
    account_with_rules ingress-nginx ingress-nginx '{apiGroups: [""], resources: [configmaps, endpoints, nodes, pods, secrets, namespaces, services],
  verbs: [get, list, watch]}, {apiGroups: [""], resources: [events], verbs: [create, patch]},
  {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, create, update]},
  {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]},
  {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]},
  {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]}'
}

octavia_ingress_settings() {
    cat <<SETTINGS
cluster-name: "$CLUSTER_UUID"
openstack:
  auth-url: "$AUTH_URL"
  user-id: "$TRUSTEE_USER_ID"
  password: "$TRUSTEE_PASSWORD"
  trust-id: "$TRUST_ID"
  region: "$REGION_NAME"
octavia:
  subnet-id: "$CLUSTER_SUBNET"
  floating-network-id: "$EXTERNAL_NETWORK"
  manage-security-groups: false
SETTINGS
}

# It asks the cloud, and trusts what the master trusts.
octavia_ingress_manifest() {
    cat <<MANIFEST
apiVersion: v1
kind: Secret
metadata: {name: octavia-ingress, namespace: kube-system}
data: {config.yaml: "$(octavia_ingress_settings | base64 -w0)"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: octavia-ingress-controller, namespace: kube-system, labels: {k8s-app: octavia-ingress-controller}}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {k8s-app: octavia-ingress-controller}}
  template:
    metadata: {labels: {k8s-app: octavia-ingress-controller}}
    spec:
      hostNetwork: true
      nodeSelector: {node-role.kubernetes.io/control-plane: ""}
      serviceAccountName: octavia-ingress-controller
      tolerations: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]
      containers:
      - name: octavia-ingress-controller
        image: $(image registry.k8s.io/provider-os/ octavia-ingress-controller "$OCTAVIA_INGRESS_CONTROLLER_TAG")
        args: [/bin/octavia-ingress-controller, --config=/etc/config/config.yaml]
        env: [{name: SSL_CERT_FILE, value: $TRUST/pem/tls-ca-bundle.pem}]
        volumeMounts:
        - {name: settings, mountPath: /etc/config, readOnly: true}
        - {name: certificates, mountPath: $TRUST, readOnly: true}
      volumes:
      - {name: settings, secret: {secretName: octavia-ingress}}
      - {name: certificates, hostPath: {path: $TRUST, type: Directory}}
MANIFEST
    account_with_rules kube-system octavia-ingress-controller '{apiGroups: [""], resources: [services, endpoints, secrets, nodes],
  verbs: [get, list, watch]}, {apiGroups: [""], resources: [events], verbs: [create, patch, update]},
  {apiGroups: [networking.k8s.io], resources: [ingresses, ingresses/status, ingressclasses], verbs: [get, list, watch, update, patch]},
  {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, create, update]}'
}
