"""JupyterHub for one host: core decides, host does, cli says, hub adapts."""

__version__ = "0.1.0"
