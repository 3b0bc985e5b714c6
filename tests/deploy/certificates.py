"""That make-certificates makes what KurrentDB and its clients take."""

import re
import ssl
import subprocess
import tempfile
from pathlib import Path

from deployment import ROOT


def make(*arguments, script=ROOT / "deploy/make-certificates"):
    return subprocess.run(["bash", script, *arguments], capture_output=True, text=True, check=False)


def problems(deployment):
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "make-certificates")
        script.write_text(deployment.texts["make-certificates"], encoding="utf-8")
        yield from made(deployment, Path(folder), script)


def made(deployment, folder, script):
    """Runs it as compose.yaml does, into another folder and without giving the keys away."""
    arguments = deployment.compose["services"]["certificates"]["command"]
    arguments = [re.sub(r"^(--\w+=)?/", rf"\g<1>{folder}/", argument) for argument in arguments]
    arguments = [argument for argument in arguments if not argument.startswith("--owner=")]
    ran = make(*arguments, script=script)
    if ran.returncode != 0:
        yield f"make-certificates: {ran.stderr.strip()}"
        return
    nodes = [argument.split("=") for argument in arguments if not argument.startswith("-")]
    for node, names in nodes:
        yield from one_node(Path(node), names.split(","), folder / "trust/ca.crt")
    yield from handshake(Path(nodes[0][0]), Path(nodes[1][0]), nodes[0][1].split(",")[0], folder / "trust/ca.crt")
    before = contents(folder)
    if make(*arguments, script=script).returncode != 0 or contents(folder) != before:
        yield "make-certificates: a second run changes something"
    make(*arguments[:-1], arguments[-1] + ",another", script=script)
    names = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", Path(nodes[-1][0], "node.crt")).stdout
    first = Path(nodes[0][0], "node.crt")
    if "DNS:another" not in names or first.read_bytes() != before[first]:
        yield "make-certificates: another name makes no certificate, or not only that one"


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)


def one_node(node, names, authority):
    certificate = node / "node.crt"
    for name in names:
        for purpose in ("sslserver", "sslclient"):
            asked = openssl(
                "verify", "-x509_strict", "-purpose", purpose, "-verify_hostname", name, "-CAfile", authority, certificate
            )
            if asked.returncode != 0:
                yield f"make-certificates: {node.name} as {purpose} {name}: {asked.stderr.strip()}"
    if openssl("verify", "-verify_hostname", "other", "-CAfile", authority, certificate).returncode == 0:
        yield f"make-certificates: {node.name} passes for any name"
    subject = openssl("x509", "-noout", "-subject", "-in", certificate).stdout
    if not re.search(r"CN ?= ?eventstoredb-node$", subject.strip()):
        yield f"make-certificates: {node.name}: all nodes must have the CN eventstoredb-node"
    if (node / "node.key").stat().st_mode & 0o777 != 0o400:
        yield f"make-certificates: others may read the key of {node.name}"
    if (node / "ca/ca.crt").read_bytes() != authority.read_bytes() or (node / "ca/ca.key").exists():
        yield f"make-certificates: {node.name}/ca must hold ca.crt only"


def handshake(server, client, name, authority):
    """One node with another over TLS, in memory, both showing their certificate."""
    sides = []
    for node, purpose, server_side in (
        (server, ssl.PROTOCOL_TLS_SERVER, True),
        (client, ssl.PROTOCOL_TLS_CLIENT, False),
    ):
        context = ssl.SSLContext(purpose)
        context.load_verify_locations(authority)
        context.load_cert_chain(node / "node.crt", node / "node.key")
        context.verify_mode = ssl.CERT_REQUIRED
        sides.append((context, server_side))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        sides[1][0].wrap_bio(to_client, to_server, server_hostname=name),
        sides[0][0].wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        waiting = 0
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
            except ssl.SSLError as error:
                yield f"make-certificates: two nodes do not trust one another: {error}"
                return
        if waiting == 0:
            return
    yield "make-certificates: two nodes do not come to terms"
