"""Changes the files of an audit pack, many times, and prints every change that its script does not find."""

import contextlib
import io
import json
import random
import sys
import zipfile

path, root, seed, tries = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
files = {}
with zipfile.ZipFile(path) as archive:
    for name in archive.namelist():
        files[name] = archive.read(name)
verify = type(sys)("verify")
verify.__file__ = path
exec(compile(files["verify.py"], "verify.py", "exec"), verify.__dict__)
choose = random.Random(seed)


def exit_code(changed):
    verify.read_pack = lambda _: changed
    sys.argv = ["verify.py", "pack", "--root", root]
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = verify.main()
    return code, told.getvalue()


def sealed_anew(changed):
    """What somebody would do who knows how the pack is made: all hashes fit again."""
    manifest = json.loads(changed["pack.json"])
    for name, data in changed.items():
        if name in manifest["files"]:
            manifest["files"][name] = {"bytes": len(data), "sha256": verify.sha256(data)}
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":")) + "\n"
    changed["pack.json"] = text.encode()
    changed["pack.sha256"] = f"{verify.sha256(changed['pack.json'])}  pack.json\n".encode()
    return changed


def places(data):
    return sorted({0, len(data) - 1} | {choose.randrange(len(data)) for _ in range(tries)})


code, told = exit_code(files)
if code != 0:
    print(f"the pack itself: exit code {code}\n{told}")
count = 0
for name, data in sorted(files.items()):
    for place in places(data):
        other = bytearray(data)
        other[place] ^= choose.randrange(1, 256)
        bytes_ = bytes(other)
        kinds = {"changed": bytes_, "left out": data[:place] + data[place + 1:], "added": data[:place] + b" " + data[place:]}
        for kind, bytes_ in kinds.items():
            count += 1
            code, told = exit_code({**files, name: bytes_})
            if code != 1:
                print(f"{name}: byte {place} {kind}: exit code {code}\n{told}")
        # Positions are the store's, and are not sealed.
        is_sealed = name.startswith("segments/") or name in ("events.jsonl", "seals.jsonl")
        is_position = name == "events.jsonl" and data[:place].rsplit(b",", 1)[-1].startswith(b'{"position":')
        if is_sealed and not (is_position or data[:place].endswith(b'"position":')):
            count += 1
            code, told = exit_code(sealed_anew({**files, name: bytes(other)}))
            if code != 1:
                print(f"{name}: byte {place} changed, all hashes made anew: exit code {code}\n{told}")
for name in files:
    count += 1
    code, told = exit_code({other: data for other, data in files.items() if other != name})
    if code not in (1, 2):
        print(f"{name} left out: exit code {code}\n{told}")
print(f"{count} changes tried", file=sys.stderr)
