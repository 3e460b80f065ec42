"""Three masters and a slave of Mesos on this machine: their user data, unchanged, start a real ZooKeeper on each master.

`tests/nodes/run.sh zookeeper` needs Debian 12 and root. Mesos, Marathon and docker are not to be had here and have
stand-ins, which ask the real ensemble before they answer. Network, cloud and machines are those of the test of swarm.
"""
