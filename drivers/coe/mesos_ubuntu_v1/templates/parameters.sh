#!/bin/bash
# First part of every node's user data: the values of this cluster, one NAME=value a line. The file is read as data and
# never sourced, so a value may hold any character but a line break. Names between at-signs are replaced by Heat.
umask 077
mkdir -p /etc/sysconfig /etc/magnum
cat >/etc/sysconfig/heat-params <<'END_OF_PARAMETERS'
VERIFY_CA=@VERIFY_CA@
HTTP_PROXY=@HTTP_PROXY@
HTTPS_PROXY=@HTTPS_PROXY@
NO_PROXY=@NO_PROXY@
FIXED_NETWORK_CIDR=@FIXED_NETWORK_CIDR@
API_PUBLIC_ADDRESS=@API_PUBLIC_ADDRESS@
API_PRIVATE_ADDRESS=@API_PRIVATE_ADDRESS@
MASTER_ADDRESSES=@MASTER_ADDRESSES@
CLUSTER_NAME=@CLUSTER_NAME@
END_OF_PARAMETERS
cat >/etc/magnum/openstack-ca.pem <<'END_OF_PARAMETERS'
@OPENSTACK_CA@
END_OF_PARAMETERS
