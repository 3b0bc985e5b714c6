"""That make-secrets makes passwords and a URL that fit compose.yaml and the client."""

import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from certificates import contents

# Those that the client knows (ClientSettings of the crate kurrentdb).
URL_PARAMETERS = {
    "maxDiscoverAttempts", "discoveryInterval", "gossipTimeout", "tls", "tlsVerifyCert", "nodePreference",
    "keepAliveInterval", "keepAliveTimeout", "defaultDeadline", "connectionName", "userCertFile", "userKeyFile",
    "tlsCaFile",
}  # fmt: skip


def problems(deployment):
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "make-secrets")
        script.write_text(deployment.texts["make-secrets"], encoding="utf-8")
        yield from made(deployment, Path(folder), script)


def run(script):
    return subprocess.run(["bash", script], capture_output=True, text=True, check=False)


def made(deployment, folder, script):
    ran = run(script)
    if ran.returncode != 0:
        yield f"make-secrets: {ran.stderr.strip()}"
        return
    for path in folder.rglob("*"):
        if path != script and path.stat().st_mode & 0o077:
            yield f"make-secrets: others may read {path.name}"
    password = re.search(r"^KURRENTDB_ADMIN_PASSWORD=([0-9a-f]{32,})$", (folder / ".env").read_text(), re.MULTILINE)
    url = urlsplit((folder / "secrets/kurrentdb_url").read_text().strip())
    if password is None or url.password != password[1]:
        yield "make-secrets: the password of the URL is not that of the cluster"
    if url.scheme != "kurrentdb+discover" or url.port != 2113:
        yield f"make-secrets: {url.scheme} on port {url.port} is not how a cluster is found"
    parameters = dict(parse_qsl(url.query))
    for name in sorted(set(parameters) - URL_PARAMETERS):
        yield f"make-secrets: the client does not know {name}"
    if parameters.get("tls") != "true" or "tlsVerifyCert" in parameters:
        yield "make-secrets: the URL must demand TLS and a certificate that is verified"
    for name, node in deployment.ledger_services().items():
        folders = [volume.split(":")[1] for volume in node["volumes"]]
        if str(Path(parameters.get("tlsCaFile", "")).parent) not in folders:
            yield f"make-secrets: tlsCaFile is on no volume of {name}"
    for name, node in deployment.kurrentdb_services().items():
        if url.hostname not in node["networks"]["log"]["aliases"]:
            yield f"make-secrets: {url.hostname} is no name of {name}"
    before = contents(folder)
    if run(script).returncode != 0 or contents(folder) != before:
        yield "make-secrets: a second run changes something"
