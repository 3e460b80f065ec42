"""Three masters and a worker of the legacy swarm on this machine: their user data, unchanged, start a real etcd on each
master.

`tests/nodes/run.sh legacy` needs Debian 12 and root. docker and the swarm's image are not to be had here and have stand-ins,
which keep their list of nodes in the real etcd. Machines and stand-ins are those of the test of Fedora Atomic.
"""
