# shellcheck shell=bash
# Values only managers have.
cat >>/etc/sysconfig/heat-params <<'END_OF_PARAMETERS'
OVERLAY_NETWORK_CIDR=@OVERLAY_NETWORK_CIDR@
END_OF_PARAMETERS
