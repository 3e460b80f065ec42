"""Three masters of Kubernetes on Fedora CoreOS on this machine: their user data, unchanged, start a real etcd in each.

`tests/nodes/run.sh etcd` needs Debian 12 and root. Kubernetes itself is not to be had here and has stand-ins; etcd, its
certificates, the service that signs them and the network between the masters are real. Network, cloud and machines are
those of the test of swarm.
"""
