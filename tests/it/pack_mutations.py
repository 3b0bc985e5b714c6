"""Changes every byte of the data files of an audit pack, and prints every change that its script does not find.

Arguments: the pack, the published root, a file of anchors, the seed of what is chosen at random.
"""

import contextlib
import functools
import io
import json
import random
import re
import sys
import zipfile

path, root, anchors, seed = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
# Of a larger file, and of what is no data, so many places are sampled: all others are tried byte by byte.
WHOLE_BYTES_MAX, SAMPLED, SEALED_ANEW = 200_000, 1000, 200
NO_DATA = ("README.txt", "verify.py")
files = {}
with zipfile.ZipFile(path) as archive:
    for name in archive.namelist():
        files[name] = archive.read(name)
verify = type(sys)("verify")
verify.__file__ = path
exec(compile(files["verify.py"], "verify.py", "exec"), verify.__dict__)
# The same signatures come again and again.
verify.ed25519_verify = functools.lru_cache(None)(verify.ed25519_verify)
choose = random.Random(seed)
count = 0


def exit_code(changed, *given):
    verify.read_pack = lambda _: changed
    sys.argv = ["verify.py", "pack", *(given or ("--root", root))]
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = verify.main()
    return code, told.getvalue()


def is_found(changed):
    """As `exit_code` with 1, without reading arguments thousands of times."""
    verify.read_pack = lambda _: changed
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            verify.verify("pack", root, [], None, False, None)
    except verify.Wrong:
        return True
    return False


def must(what, changed, *given, codes=(1,), words=""):
    global count
    count += 1
    code, told = exit_code(changed, *given)
    if code not in codes or words not in told:
        print(f"{what}: exit code {code}, and not {codes} with {words!r}\n{told}")


def sealed_anew(changed):
    """What somebody would do who knows how the pack is made: all hashes fit again."""
    manifest = json.loads(changed["pack.json"])
    manifest["files"] = {
        name: {"bytes": len(changed[name]), "sha256": verify.sha256(changed[name])} for name in manifest["files"]
    }
    return with_manifest(changed, json.dumps(manifest, ensure_ascii=False, separators=(",", ":")) + "\n")


def with_manifest(changed, text):
    return {
        **changed, "pack.json": text.encode(),
        "pack.sha256": f"{verify.sha256(text.encode())}  pack.json\n".encode(),
    }


def every_byte():
    global count
    for name, data in sorted(files.items()):
        places = range(len(data))
        if len(data) > WHOLE_BYTES_MAX or name in NO_DATA:
            places = sorted(choose.sample(places, min(SAMPLED, len(data))))
            print(f"{name} has {len(data)} bytes: {len(places)} of them are tried", file=sys.stderr)
        for place in places:
            other = bytearray(data)
            other[place] ^= 1 << choose.randrange(8)
            count += 1
            if not is_found({**files, name: bytes(other)}):
                print(f"{name}: byte {place} changed: not found")
        for place in sorted({0, len(data) - 1} | {choose.randrange(len(data)) for _ in range(40)}):
            must(f"{name}: byte {place} left out", {**files, name: data[:place] + data[place + 1:]})
            must(f"{name}: byte {place} added", {**files, name: data[:place] + b" " + data[place:]})
        must(f"{name} left out", {other: data for other, data in files.items() if other != name}, codes=(1, 2))


def bytes_that_the_root_pins():
    """Also where all hashes of the pack fit again: what was sealed, and where it stood."""
    for name, data in sorted(files.items()):
        if not (name.startswith("segments/") or name in ("events.jsonl", "seals.jsonl")):
            continue
        for place in sorted(choose.sample(range(len(data)), min(SEALED_ANEW, len(data)))):
            # Positions are the store's, and are not sealed.
            if re.search(rb'"position":[0-9]*$', data[:place]) and name == "events.jsonl":
                continue
            other = bytearray(data)
            other[place] ^= choose.randrange(1, 256)
            must(f"{name}: byte {place} changed, all hashes made anew", sealed_anew({**files, name: bytes(other)}))


def written_in_another_way():
    """The same, said in other bytes, where all hashes of the pack fit again."""
    for name in ("bill.json", "cases.json"):
        value, text = json.loads(files[name]), files[name].decode()
        ways = [json.dumps(value, ensure_ascii=False), json.dumps(value, indent=1), text + "\n", " " + text]
        ways += [text.replace("{", '{"more":[],', 1)]
        ways += [re.sub(r'"([a-z])', lambda letter: f'"\\u00{ord(letter[1]):02x}', text, count=1)]
        for number, way in enumerate(ways):
            must(f"{name} written in way {number}", sealed_anew({**files, name: way.encode()}))
    text = files["pack.json"].decode()
    for way in (text[:-1], " " + text, text.replace(":", ": ", 1), text + "\n", text.replace(',"', ', "', 1)):
        must("pack.json written in another way", with_manifest(files, way))
    for name in ("events.jsonl", "seals.jsonl"):
        text = files[name].decode()
        for way in (text[:-1], text + "\n", text.replace(":", ": ", 1), text.replace("\n", "\r\n", 1)):
            must(f"{name} written in another way", sealed_anew({**files, name: way.encode()}))


def signed_by_another(message):
    """Ed25519, after RFC 8032, section 5.1.6. Gives the public key and the signature."""
    sha512, little = verify.hashlib.sha512, "little"

    def encoded(point):
        inverse = pow(point[2], verify.P - 2, verify.P)
        x, y = point[0] * inverse % verify.P, point[1] * inverse % verify.P
        return (y | (x & 1) << 255).to_bytes(32, little)

    hashed = sha512(b"another key").digest()
    secret = int.from_bytes(hashed[:32], little) & (2**254 - 8) | 2**254
    public = encoded(verify.multiply(secret, verify.BASE))
    once = int.from_bytes(sha512(hashed[32:] + message).digest(), little) % verify.L
    r = encoded(verify.multiply(once, verify.BASE))
    k = int.from_bytes(sha512(r + public + message).digest(), little) % verify.L
    return public.hex(), (r + ((once + k * secret) % verify.L).to_bytes(32, little)).hex()


def forged(revisions, sealed_at):
    """The same events and roots, under seals of another key that tell of other numbers or another moment."""
    changed = {name: data for name, data in files.items() if not name.startswith("segments/")}
    for name in files:
        if name.startswith("segments/"):
            changed[f"segments/{int(name[9:-4]) + revisions}.txt"] = files[name]
    lines = []
    for line in files["seals.jsonl"].decode().splitlines():
        seal = json.loads(line)
        seal["revision"] += revisions
        seal["sealed_at"] = sealed_at or seal["sealed_at"]
        seal["public_key"], seal["signature"] = signed_by_another(verify.signed_text(seal))
        lines.append(json.dumps(seal, separators=(",", ":")) + "\n")
    changed["seals.jsonl"] = "".join(lines).encode()
    manifest = json.loads(changed["pack.json"])
    manifest["files"] = {name: {} for name in changed if not name.startswith("pack.")}
    return sealed_anew({**changed, "pack.json": json.dumps(manifest).encode()})


def what_the_root_alone_does_not_say():
    by_both = ("--root", root, "--anchor", anchors)
    for given in (by_both, by_both[2:]):
        must("the pack itself, with what was kept", files, *given, codes=(0,), words="the one that was kept")
    word = "only the word of whoever signed it"
    for what, revisions, sealed_at, field in (
        ("moment", 0, "2020-02-02T20:20:20.202Z", "sealed_at"),
        ("number", 5, None, "revision"),
        ("key", 0, None, "public_key"),
    ):
        other = forged(revisions, sealed_at)
        must(f"a false {what}, by the root alone", other, codes=(0,), words=word)
        for given in (by_both, by_both[2:]):
            must(f"a false {what}, by what was kept", other, *given, words=f"its {field} is")


must("the pack itself", files, codes=(0,))
every_byte()
bytes_that_the_root_pins()
written_in_another_way()
what_the_root_alone_does_not_say()
print(f"{count} changes tried")
