"""The node player: does from outside what the machines of a cluster would do, with nothing but what they would have.

The cloud's servers are fake and run nothing. For each of them the player reads the user data as Nova delivers it, holds
every value against the cloud, and then runs the node's own scripts in a root file system of their own, with stand-ins for
what only a real node has. See `node.py` for a node's life, `main.py` for how tests talk to the player.
"""
