"""What the Dockerfile must hold."""

import json

from deployment import image_problems

KNOWN = {
    "FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions(text):
    """(instruction, the rest) of each, with lines joined that end with a backslash."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        yield word, " ".join(rest.split())


def stages(text):
    found = []
    for word, rest in instructions(text):
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def problems(deployment):
    text = deployment.texts["Dockerfile"]
    for word, rest in instructions(text):
        if word not in KNOWN:
            yield f"Dockerfile: {word} is not allowed here"
        if word == "FROM":
            yield from image_problems("Dockerfile", rest.split()[0])
        if word == "RUN" and ("curl" in rest or "wget" in rest):
            yield "Dockerfile: downloads something by itself"
        if word == "RUN" and "cargo " in rest and "--locked" not in rest:
            yield "Dockerfile: builds without --locked"
    found = stages(text)
    if len(found) < 2 or not found[0][0][1].endswith(" AS build"):
        yield "Dockerfile: has not a stage that builds and one that runs"
        return
    yield from last_stage(deployment, found[-1])


def last_stage(deployment, stage):
    said = {}
    for word, rest in stage:
        said.setdefault(word, []).append(rest)
    users = said.get("USER", ["0"])
    if users != ["10001:10001"]:
        yield f"Dockerfile: runs as {users}"
    words = [word for word, _ in stage]
    if "USER" in words and words.index("USER") < max(n for n, word in enumerate(words) if word in ("RUN", "COPY")):
        yield "Dockerfile: something is written after USER"
    for word in ("ENTRYPOINT", "CMD"):
        try:
            json.loads(said[word][-1])
        except (KeyError, ValueError):
            yield f"Dockerfile: {word} is no list, so signals would not come through"
    if not said.get("HEALTHCHECK", [""])[-1].endswith('CMD ["order-ledger-probe", "/readyz"]'):
        yield "Dockerfile: HEALTHCHECK does not ask /readyz"
    if said.get("EXPOSE") != [str(deployment.push_port())]:
        yield "Dockerfile: exposes another port than that for pushes"
    if said.get("VOLUME") != ['["/var/lib/order-ledger"]']:
        yield "Dockerfile: the folder of the state is no volume"
