"""Adds the operator's CAs to the bundles that Python and conda bring along and read in place of the system's."""

import importlib.util
import ssl
from pathlib import Path

operators = sorted(Path("/usr/local/share/ca-certificates/onehub").glob("*.crt"))
bundles = [Path(ssl.get_default_verify_paths().openssl_cafile)]
if importlib.util.find_spec("certifi"):
    import certifi

    bundles.append(Path(certifi.where()))

for bundle in bundles:
    for certificate in operators:
        if bundle.exists() and certificate.read_text() not in bundle.read_text():
            with bundle.open("a") as file:
                file.write("\n" + certificate.read_text())
