"""A cluster in swarm mode whose nodes are real dockers, set up by their own user data.

The service and the cloud are ours, in one process, on loopback. Every server of the simulated Nova becomes a machine with
its own root file system, processes, host name and network address, in which its unchanged user data run.
"""
