"""What compose.yaml must hold."""

import re
from itertools import combinations

from deployment import image_problems

# Those of KurrentDB's documentation that the file may use. KURRENTDB_INSECURE is not among them.
KURRENTDB_VARIABLES = {
    "KURRENTDB_" + name
    for name in (
        "CLUSTER_SIZE DISCOVER_VIA_DNS GOSSIP_SEED NODE_IP REPLICATION_IP NODE_HOST_ADVERTISE_AS "
        "REPLICATION_HOST_ADVERTISE_AS CERTIFICATE_FILE CERTIFICATE_PRIVATE_KEY_FILE "
        "TRUSTED_ROOT_CERTIFICATES_PATH DEFAULT_ADMIN_PASSWORD DEFAULT_OPS_PASSWORD"
    ).split()
}
# Those without which a node would be without TLS or with a password that everybody knows.
KURRENTDB_REQUIRED = {name for name in KURRENTDB_VARIABLES if re.search("CERTIFICATE|PASSWORD", name)}
ONE_SHOT = "certificates"
# Those of the compose specification that the file has: a word that is misspelt would be without effect.
KEYS = set(
    "image build user working_dir entrypoint command environment depends_on ports volumes configs secrets networks network_mode "
    "healthcheck restart stop_signal stop_grace_period cap_drop cap_add security_opt read_only tmpfs mem_limit".split()
)


def problems(deployment):
    compose = deployment.compose
    for name, service in compose["services"].items():
        for key in sorted(set(service) - KEYS):
            yield f"compose.yaml: {name}: the key {key} is not known here"
        yield from image_problems(f"compose.yaml: {name}", service["image"])
        yield from confinement(name, service)
        yield from inline_secrets(name, service)
    yield from references(compose)
    yield from published(deployment)
    yield from ledger_nodes(deployment)
    yield from cluster(deployment)
    yield from certificates(deployment)


def confinement(name, service):
    place = f"compose.yaml: {name}"
    user = service.get("user", "")
    if name == ONE_SHOT:
        if service.get("network_mode") != "none" or service.get("cap_add") != ["CHOWN"] or service.get("restart") != "no":
            yield f"{place} is root, so it must have no network, CHOWN only, and end"
    elif not re.fullmatch(r"[1-9]\d*:[1-9]\d*", user):
        yield f"{place} does not run as a user of its own, but as {user!r}"
    elif "cap_add" in service:
        yield f"{place} is given capabilities"
    if service.get("cap_drop") != ["ALL"]:
        yield f"{place} keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield f"{place} may gain privileges"
    if service.get("privileged") or service.get("network_mode") == "host" or service.get("pid"):
        yield f"{place} shares something with the machine"
    # That KurrentDB runs on a read-only root is not known.
    if "kurrentdb" not in service["image"] and service.get("read_only") is not True:
        yield f"{place}: its root is not read-only"


def inline_secrets(name, service):
    for variable, value in service.get("environment", {}).items():
        is_secret = re.search("PASSWORD|SECRET|TOKEN|KEY|URL", variable) and not re.search("_FILE$|_PATH$", variable)
        if is_secret and not re.fullmatch(r"\$\{\w+:\?[^}]*\}", str(value)):
            yield f"compose.yaml: {name}: {variable} is a secret and stands in the file"


def references(compose):
    services = compose["services"]
    used = {"volumes": set(), "networks": set(), "configs": set(), "secrets": set()}
    for name, service in services.items():
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        used["volumes"] |= {source for source in sources if not source.startswith((".", "/"))}
        used["networks"] |= set(service.get("networks", []))
        used["configs"] |= {config["source"] for config in service.get("configs", [])}
        used["secrets"] |= set(service.get("secrets", []))
        for other in set(service.get("depends_on", [])) - set(services):
            yield f"compose.yaml: {name} depends on {other}, which is not there"
    for kind, names in used.items():
        declared = set(compose.get(kind, {}))
        for name in sorted(names - declared):
            yield f"compose.yaml: {name} is not declared under {kind}"
        for name in sorted(declared - names):
            yield f"compose.yaml: {name} is declared under {kind} and not used"
    for name, secret in compose["secrets"].items():
        if set(secret) != {"file"}:
            yield f"compose.yaml: the secret {name} is no file"


def published(deployment):
    services = deployment.compose["services"]
    for name, service in services.items():
        ports = [str(port) for port in service.get("ports", [])]
        if name != "proxy" and ports:
            yield f"compose.yaml: {name} publishes {ports}: only the proxy may be reached"
        for port in ports:
            if str(deployment.admin_port()) in re.split("[:/-]", port):
                yield f"compose.yaml: {name} publishes the admin listener"
    if services["proxy"].get("ports") != ["443:8443"]:
        yield "compose.yaml: proxy must publish 443 and nothing else"
    if not deployment.configuration["admin"]["listen"].startswith("127.0.0.1:"):
        yield "order-ledger.toml: admin.listen must be on 127.0.0.1"


def mounts(service):
    """(source, folder, mode) of each volume."""
    for volume in service.get("volumes", []):
        source, folder, mode = (volume.split(":") + ["rw"])[:3]
        yield source, folder, mode


def ledger_nodes(deployment):
    nodes = deployment.ledger_services()
    if len(nodes) < 2:
        yield "compose.yaml: there are not two ledger nodes"
    configuration = deployment.configuration
    written = [configuration["views"]["dir"], configuration["refused"]["path"]]
    for name, node in nodes.items():
        place = f"compose.yaml: {name}"
        own = [folder for _, folder, mode in mounts(node) if mode == "rw"]
        for path in written:
            if not any(path.startswith(folder + "/") for folder in own):
                yield f"{place}: {path} of order-ledger.toml is on no volume that it may write"
        if node.get("healthcheck", {}).get("test") != ["CMD", "order-ledger-probe", "/readyz"]:
            yield f"{place}: its health is not asked at /readyz"
        if not any(mount.startswith("/tmp:") for mount in node.get("tmpfs", [])):
            yield f"{place} has no /tmp"
        if int(node.get("stop_grace_period", "0s").removesuffix("s")) < 30:
            yield f"{place} is killed before it has ended by itself"
        for missing in sorted(deployment.secret_files() - set(node.get("secrets", []))):
            yield f"{place}: /run/secrets/{missing} of order-ledger.toml is not mounted"
    for (one, first), (other, second) in combinations(nodes.items(), 2):
        writable = [{source for source, _, mode in mounts(node) if mode == "rw"} for node in (first, second)]
        for source in sorted(writable[0] & writable[1]):
            yield f"compose.yaml: {one} and {other} share the volume {source}, and so views.dir"


def cluster(deployment):
    nodes = deployment.kurrentdb_services()
    if len(nodes) != 3:
        yield "compose.yaml: KurrentDB has not three nodes"
    data = []
    for name, node in nodes.items():
        place = f"compose.yaml: {name}"
        environment = node["environment"]
        for variable in sorted(set(environment) - KURRENTDB_VARIABLES):
            yield f"{place}: {variable} is not known or not allowed"
        for variable in sorted(KURRENTDB_REQUIRED - set(environment)):
            yield f"{place}: {variable} is missing"
        if environment.get("KURRENTDB_CLUSTER_SIZE") != str(len(nodes)):
            yield f"{place}: the cluster's size is not {len(nodes)}"
        seeds = set(environment.get("KURRENTDB_GOSSIP_SEED", "").split(","))
        if seeds != {f"{other}:2113" for other in nodes if other != name}:
            yield f"{place}: its seeds are not the other nodes"
        for variable in ("KURRENTDB_NODE_HOST_ADVERTISE_AS", "KURRENTDB_REPLICATION_HOST_ADVERTISE_AS"):
            if environment.get(variable) != name:
                yield f"{place}: {variable} is not its name, so its certificate does not fit"
        health = " ".join(node["healthcheck"]["test"])
        if "https://localhost:2113/health/live" not in health or "--insecure" in health:
            yield f"{place}: its health is not asked over TLS at /health/live"
        data += [source for source, folder, _ in mounts(node) if folder == "/var/lib/kurrentdb"]
    if len(set(data)) != len(nodes):
        yield "compose.yaml: the nodes of KurrentDB have not a volume each"


def certificates(deployment):
    services = deployment.compose["services"]
    arguments = services[ONE_SHOT]["command"]
    folders = {folder: source for source, folder, _ in mounts(services[ONE_SHOT])}
    named = dict(argument.split("=") for argument in arguments if argument.startswith("/"))
    authority = next(argument.partition("=")[2] for argument in arguments if argument.startswith("--ca="))
    for name, service in services.items():
        if name != ONE_SHOT and any(source == folders[authority] for source, _, _ in mounts(service)):
            yield f"compose.yaml: {name} can read the authority's key"
    for name, node in deployment.kurrentdb_services().items():
        source = next((source for source, folder, _ in mounts(node) if folder == "/certificates"), None)
        names = next((named[folder] for folder in named if folders[folder] == source), "").split(",")
        aliases = node["networks"]["log"]["aliases"]
        for needed in [name, "localhost", *aliases]:
            if needed not in names:
                yield f"compose.yaml: the certificate of {name} does not name {needed}"
