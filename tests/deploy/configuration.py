"""That the program takes order-ledger.toml and every ORDER_LEDGER__ variable, and that the probe tells health."""

import os
import re
import socket
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

# Of the form that the program demands; no key of anybody.
SECRETS = {
    "kurrentdb_url": "kurrentdb+discover://admin:0a1b2c@kurrentdb:2113?tls=true&tlsCaFile={folder}/ca.crt",
    "token": "abcdefghij0123456789",
    "encoding_aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "production_key": "productionkey",
    "sandbox_key": "sandboxkey",
}


def problems(deployment):
    yield from taken(deployment)
    yield from probed(deployment)


def variables(deployment):
    """Every ORDER_LEDGER__ variable that one of the files sets, wherever, as (file, name, value)."""
    for name, text in deployment.texts.items():
        if name == "README.md":
            continue
        for variable, value in re.findall(r"(ORDER_LEDGER__\w+)[\"']?\s*[:=]\s*[\"']?([^\s\"']*)", text):
            yield name, variable, value
        for variable, value in re.findall(r"name:\s*(ORDER_LEDGER__\w+)\s+value:\s*[\"']?([^\s\"']*)", text):
            yield name, variable, value


def taken(deployment):
    if deployment.binary is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, value in SECRETS.items():
            Path(folder, name).write_text(value.format(folder=folder) + "\n", encoding="utf-8")
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "ed25519", "-out", Path(folder, "seal_key")],
            check=True, capture_output=True,
        )
        certificate = ["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=ca", "-keyout", "/dev/null", "-out"]
        subprocess.run(["openssl", *certificate, Path(folder, "ca.crt")], check=True, capture_output=True)
        file = Path(folder, "order-ledger.toml")
        text = deployment.texts["order-ledger.toml"].replace("/run/secrets/", f"{folder}/")
        file.write_text(text, encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDER_LEDGER_")}
        environment |= {variable: value for _, variable, value in variables(deployment)}
        checked = subprocess.run(
            [deployment.binary, "config", "check", "--config", file],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if checked.returncode != 0:
            for line in (checked.stdout + checked.stderr).strip().splitlines():
                yield f"order-ledger.toml: {line}"


class Health(BaseHTTPRequestHandler):
    """Ready, but for /readyz."""

    def do_GET(self):
        self.send_response(503 if self.path == "/readyz" else 200)
        self.end_headers()

    def log_message(self, format, *args):
        pass


def probed(deployment):
    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = unused.getsockname()[1]
    script = deployment.texts["order-ledger-probe"]
    try:
        for path, at, healthy in (("/healthz", port, True), ("/readyz", port, False), ("/healthz", closed, False)):
            ran = subprocess.run(
                ["bash", "-c", script, "order-ledger-probe", path, str(at)], capture_output=True, timeout=30, check=False
            )
            if (ran.returncode == 0) != healthy:
                yield f"order-ledger-probe: {path} exits {ran.returncode}"
    finally:
        server.shutdown()
        server.server_close()
    default = re.search(r"port=\$\{2:-(\d+)\}", script)
    if default is None or int(default[1]) != deployment.admin_port():
        yield "order-ledger-probe: asks another port than admin.listen"
