# shellcheck shell=bash
# Values only nodes of the legacy swarm have.
cat >>/etc/sysconfig/heat-params <<'END_OF_PARAMETERS'
NETWORK_DRIVER=@NETWORK_DRIVER@
FLANNEL_TAG=@FLANNEL_TAG@
SWARM_VERSION=@SWARM_VERSION@
END_OF_PARAMETERS
