"""The files of deploy/ as texts and as what they say, and copies of them with something changed."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LEDGER_IMAGE = "order-ledger"


class Deployment:
    """Everything in deploy/ that is kept in the repository, by file name."""

    def __init__(self, texts, binary=None):
        self.texts = texts
        self.binary = binary

    @classmethod
    def read(cls, binary=None):
        names = [path for path in sorted((ROOT / "deploy").iterdir()) if path.is_file() and path.name != ".env"]
        return cls({path.name: path.read_text(encoding="utf-8") for path in names}, binary)

    def changed(self, name, old, new):
        """A copy in which `old`, wherever it stands in the file, is `new`."""
        if old not in self.texts[name]:
            raise LookupError(f"deploy/{name} does not hold {old!r}: the self-test is out of date")
        return Deployment(self.texts | {name: self.texts[name].replace(old, new)}, self.binary)

    @property
    def compose(self):
        return yaml.safe_load(self.texts["compose.yaml"])

    @property
    def resources(self):
        return [resource for resource in yaml.safe_load_all(self.texts["kubernetes.yaml"]) if resource]

    @property
    def configuration(self):
        return tomllib.loads(self.texts["order-ledger.toml"])

    def ledger_services(self):
        """The compose services that are ledger nodes, by name."""
        services = self.compose["services"].items()
        return {
            name: service
            for name, service in services
            if service["image"].split(":")[0] == LEDGER_IMAGE and "entrypoint" not in service
        }

    def kurrentdb_services(self):
        services = self.compose["services"].items()
        return {name: service for name, service in services if "kurrentdb" in service["image"]}

    def push_port(self):
        return int(self.configuration["push"]["listen"].rsplit(":", 1)[1])

    def admin_port(self):
        return int(self.configuration["admin"]["listen"].rsplit(":", 1)[1])

    def secret_files(self):
        """What order-ledger.toml reads from /run/secrets, by the name there."""
        return set(re.findall(r'"/run/secrets/([^"]+)"', self.texts["order-ledger.toml"]))


def version():
    """The version of the program, which its image is named after."""
    return tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]


def image_problems(place, image):
    """What is wrong with an image's name: it must say exactly which, and no host."""
    name, _, tag = image.partition(":")
    if "." in name.split("/")[0]:
        yield f"{place}: the image {image} names a host"
    if not re.fullmatch(r"[a-z0-9-]*\d+\.\d+\.\d+[a-z0-9.-]*|bookworm-\d{8}-slim", tag):
        yield f"{place}: the image {image} is not pinned to one version"
    if name == LEDGER_IMAGE and tag != version():
        yield f"{place}: the image {image} is not of version {version()}, which Cargo.toml names"


def problems_of(check, deployment):
    """What a check says. What it looks for and does not find is a problem as well."""
    try:
        yield from check.problems(deployment)
    except (LookupError, StopIteration, RuntimeError) as missing:
        yield f"{check.__name__}: {missing!r} is not there"
