"""That the context of the Dockerfile is what cargo needs, and holds no secret."""

import json
import shutil
import subprocess
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from deployment import ROOT
from image import instructions

# What may lie about in a working tree.
SECRET = (
    "order-ledger.toml", "data/events.db", "deploy/secrets/seal_key", "deploy/.env", "deploy/tls/privkey.pem",
)  # fmt: skip


def sources(text):
    """What is copied out of the context."""
    for word, rest in instructions(text):
        if word == "COPY" and "--from=" not in rest:
            *named, _ = [part for part in rest.split() if not part.startswith("--")]
            yield from named


def kept(rules, path):
    """Whether .dockerignore leaves a file in the context: the last rule that fits it or a folder above it."""
    answer = True
    for rule in rules:
        pattern = rule.removeprefix("!").removesuffix("/")
        above = [path, *(str(parent) for parent in Path(path).parents)][:-1] or [path]
        if any(fnmatch(part, pattern) for part in above):
            answer = rule.startswith("!")
    return answer


def problems(deployment):
    text = deployment.texts["Dockerfile"]
    lines = deployment.texts["Dockerfile.dockerignore"].splitlines()
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for secret in SECRET:
        if kept(rules, secret):
            yield f"Dockerfile.dockerignore: lets {secret} into the context"
    with tempfile.TemporaryDirectory() as folder:
        for source in sources(text):
            named = ROOT / source
            files = [named] if named.is_file() else [path for path in named.rglob("*") if path.is_file()]
            there = [path for path in (str(file.relative_to(ROOT)) for file in files) if kept(rules, path)]
            if not there:
                yield f"Dockerfile: {source} is not in the context"
            for path in there:
                copy = Path(folder, path)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, copy)
        cargo = shutil.which("cargo") or str(Path.home() / ".cargo/bin/cargo")
        read = subprocess.run(
            # The platform that scripts/test has fetched.
            [cargo, "metadata", "--locked", "--offline", "--format-version", "1",
             "--filter-platform", "x86_64-unknown-linux-gnu"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if read.returncode != 0:
            yield f"Dockerfile: cargo cannot read what is copied: {read.stderr.strip()}"
            return
        package = json.loads(read.stdout)["packages"]
        for target in next(entry for entry in package if entry["name"] == "order-ledger")["targets"]:
            if not Path(target["src_path"]).is_file():
                yield f"Dockerfile: {target['src_path']} of Cargo.toml is not copied"
        for needed in ("projections", ".cargo/config.toml"):
            if not Path(folder, needed).exists():
                yield f"Dockerfile: {needed} is not copied, which the build reads"
