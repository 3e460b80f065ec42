"""What stops a node before anything of it can run."""


class Unreadable(Exception):
    """The user data are none that a node could use."""
