"""What nginx.conf must hold, beside compose.yaml."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from certificates import make


def parse(text):
    """Directives as (words, block or None)."""
    tokens = re.findall(r"'[^']*'|\"[^\"]*\"|[{};]|[^\s{};]+", re.sub(r"#.*", "", text))
    directives, rest = block(tokens)
    if rest:
        raise ValueError(f"a block ends that did not begin, before {' '.join(rest[:5])}")
    return directives


def block(tokens):
    found, words = [], []
    while tokens:
        token, tokens = tokens[0], tokens[1:]
        if token == ";":
            if not words:
                raise ValueError("a ; after nothing")
            found.append((words, None))
            words = []
        elif token == "{":
            inner, tokens = block(tokens)
            if not tokens:
                raise ValueError(f"the block {' '.join(words)} does not end")
            tokens = tokens[1:]
            found.append((words, inner))
            words = []
        elif token == "}":
            if words:
                raise ValueError(f"{' '.join(words)} has no ; behind it")
            return found, [token, *tokens]
        else:
            words.append(token)
    if words:
        raise ValueError(f"{' '.join(words)} has no ; behind it")
    return found, []


def all_of(directives, name):
    for words, inner in directives:
        if words[0] == name:
            yield words[1:], inner
        if inner:
            yield from all_of(inner, name)


def problems(deployment):
    text = deployment.texts["nginx.conf"]
    try:
        directives = parse(text)
    except ValueError as error:
        yield f"nginx.conf: {error}"
        return
    found = [*public(directives), *behind(deployment, directives), *written(directives)]
    yield from found
    if not found:
        yield from asked_of_nginx(text)


def public(directives):
    locations = {" ".join(words): inner for words, inner in all_of(directives, "location")}
    if set(locations) != {"/wechat/", "/"}:
        yield f"nginx.conf: the locations are {sorted(locations)}, not /wechat/ and /"
        return
    if [words for words, _ in locations["/"]] != [["return", "404"]]:
        yield "nginx.conf: more than /wechat/ is public"
    said = {words[0]: words[1:] for words, _ in locations["/wechat/"]}
    if said.get("proxy_read_timeout") != ["3s"]:
        yield "nginx.conf: WeChat waits 3 s, so proxy_read_timeout must be 3s"
    if said.get("client_max_body_size") != ["512k"]:
        yield "nginx.conf: client_max_body_size must be above limits.body_bytes_max"


def behind(deployment, directives):
    addresses = sorted(words[0] for words, _ in all_of(directives, "server") if words)
    port = deployment.push_port()
    nodes = deployment.ledger_services().values()
    wanted = sorted(f"{node['networks']['pushes']['ipv4_address']}:{port}" for node in nodes)
    if addresses != wanted:
        yield f"nginx.conf: asks {addresses}, and the ledger nodes of compose.yaml are {wanted}"
    proxy = deployment.compose["services"]["proxy"]
    inside = {port.split(":")[1] for port in proxy["ports"]}
    listens = [words for words, _ in all_of(directives, "listen")]
    if any("ssl" not in words for words in listens):
        yield "nginx.conf: listens without TLS"
    if {words[0] for words in listens} != inside:
        yield f"nginx.conf: does not listen where compose.yaml publishes, {sorted(inside)}"
    for name in ("ssl_certificate", "ssl_certificate_key"):
        for words, _ in all_of(directives, name):
            if words[0].removeprefix("/run/secrets/") not in proxy["secrets"]:
                yield f"nginx.conf: {words[0]} is not mounted"


def written(directives):
    folders = [f"{kind}_temp_path" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    for name in ["pid", *folders]:
        paths = [words[0] for words, _ in all_of(directives, name)]
        if len(paths) != 1 or not paths[0].startswith("/tmp/"):
            yield f"nginx.conf: {name} is not on /tmp, and the root is read-only"


def asked_of_nginx(text):
    """What nginx itself says, where it is installed."""
    nginx = shutil.which("nginx")
    if nginx is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = make(f"--ca={folder}/ca", f"{folder}/node=pay.example.com")
        if made.returncode != 0:
            yield f"make-certificates: {made.stderr}"
            return
        text = text.replace("/tmp/", f"{folder}/")
        text = text.replace("/run/secrets/tls_certificate", f"{folder}/node/node.crt")
        text = text.replace("/run/secrets/tls_key", f"{folder}/node/node.key")
        path = Path(folder, "nginx.conf")
        path.write_text(text, encoding="utf-8")
        tested = subprocess.run([nginx, "-t", "-q", "-c", path], capture_output=True, text=True, check=False)
        if tested.returncode != 0:
            yield f"nginx.conf: {tested.stderr.strip()}"
