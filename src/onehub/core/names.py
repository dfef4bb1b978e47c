"""What our things are called: image tags, labels, services. The one place that knows."""

from __future__ import annotations

from onehub import __version__

JUPYTERHUB_VERSION = "6.1.1"
"""The hub's; requirements/hub.txt pins it."""

BASE_IMAGE = "debian:trixie-slim"
# `localhost/`: where such an image is missing, Docker asks nobody on the internet for one of that name.
HUB_IMAGE = f"localhost/onehub/hub:{__version__}"
PROXY_IMAGE = f"localhost/onehub/proxy:{__version__}"
DIRECTORY_IMAGE = f"localhost/onehub/directory:{__version__}"
HTTPD_IMAGE = f"localhost/onehub/httpd:{__version__}"
RESCUE_IMAGE = f"localhost/onehub/rescue:{__version__}"

LABEL_DEPLOYMENT = "com.onehub.deployment"
LABEL_KIND = "com.onehub.kind"
LABEL_USER = "com.onehub.user"
LABEL_INPUTS = "com.onehub.inputs"
"""On images: the digest of what they were built from."""
LABEL_FLAVOUR = "com.onehub.flavour"

SERVICES = ("hub", "proxy")
DIRECTORY, HTTPD = "directory", "httpd"
PROFILES = {DIRECTORY: "demo", HTTPD: HTTPD}
"""The services that not every deployment has: what each of them is called as a profile of Compose."""
EVERY_SERVICE = (*SERVICES, *PROFILES)
SERVICE_IMAGES = {"hub": HUB_IMAGE, "proxy": PROXY_IMAGE, DIRECTORY: DIRECTORY_IMAGE, HTTPD: HTTPD_IMAGE}

FLAVOURS = ("minimal", "tensorflow")
UPSTREAM_FLAVOURS = {
    "minimal": "quay.io/jupyter/minimal-notebook",
    "tensorflow": "quay.io/jupyter/tensorflow-notebook",
}


def notebook_image(flavour: str) -> str:
    """Our own notebook image, for hosts without a registry."""
    return f"localhost/onehub/notebook-{flavour}:{__version__}"
