"""Three masters and a worker of Kubernetes on Fedora Atomic on this machine: their user data, unchanged, start a real etcd
on each master.

`tests/nodes/run.sh atomic` needs Debian 12 and root. Kubernetes, flannel and docker are not to be had here and have
stand-ins, and so has Atomic, which would install etcd's image; etcd, its configuration, its certificates and what flannel
keeps in it are real. Network, cloud and machines are those of the test of swarm.
"""
