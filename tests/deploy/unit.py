"""What order-ledger.service must hold."""

import shutil
import subprocess
import tempfile
from pathlib import Path

WANTED = {
    "User": "order-ledger",
    "StateDirectory": "order-ledger",
    "ProtectSystem": "strict",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "Restart": "on-failure",
    "ExecReload": "/bin/kill -HUP $MAINPID",
}


def problems(deployment):
    text = deployment.texts["order-ledger.service"]
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    for key, value in WANTED.items():
        if said.get(key) != value:
            yield f"order-ledger.service: {key} is {said.get(key)!r}, not {value!r}"
    if int(said.get("TimeoutStopSec", "0")) < 30:
        yield "order-ledger.service: is killed before it has ended by itself"
    if "AF_INET" not in said.get("RestrictAddressFamilies", "").split():
        yield "order-ledger.service: cannot reach KurrentDB"
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "order-ledger.service")
        # The program need not be installed here.
        file.write_text(text.replace("/usr/local/bin/order-ledger", "/bin/true"), encoding="utf-8")
        verified = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True, check=False)
        lines = [line for line in verified.stderr.splitlines() if "order-ledger.service" in line]
        if verified.returncode != 0 and not lines:
            lines = [verified.stderr.strip()]
        yield from lines
