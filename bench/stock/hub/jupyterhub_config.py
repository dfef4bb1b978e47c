"""What the basic example of jupyterhub-deploy-docker sets, and a sign-in that lets everybody in."""

import os

c = get_config()  # noqa: F821 (JupyterHub provides it)

c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.DockerSpawner.image = os.environ["DOCKER_NOTEBOOK_IMAGE"]
c.DockerSpawner.cmd = os.environ["DOCKER_SPAWN_CMD"]
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.network_name = os.environ["DOCKER_NETWORK_NAME"]
c.DockerSpawner.notebook_dir = "/home/jovyan/work"
c.DockerSpawner.remove = True

c.JupyterHub.hub_ip = "jupyterhub"
c.JupyterHub.hub_port = 8080
c.JupyterHub.cookie_secret_file = "/data/jupyterhub_cookie_secret"
c.JupyterHub.db_url = "sqlite:////data/jupyterhub.sqlite"

# Not upstream's: its own authenticator would be measured otherwise. Everybody has signed in before the clock starts.
c.JupyterHub.authenticator_class = "dummy"
# Not upstream's: names and a label that tell this run's containers and volumes from everybody else's.
_prefix = os.environ["BENCH_PREFIX"]
c.DockerSpawner.name_template = _prefix + "server-{username}"
c.DockerSpawner.volumes = {_prefix + "home-{username}": "/home/jovyan/work"}
c.DockerSpawner.extra_create_kwargs = {"labels": {os.environ["BENCH_LABEL"]: os.environ["BENCH_VALUE"]}}
# Not upstream's: with the defaults of 60 and 30 seconds, a crowd would be cut off rather than measured.
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
