"""Adapts JupyterHub; runs inside the hub container."""
