#!/usr/bin/env python3
"""Verifies an audit pack of order-ledger. Needs Python 3.8 or newer and nothing else.

    python3 verify.py [PACK] --root HEX [--anchor FILE] [--public-key HEX] [--ask-key] [--bill FILE]

PACK is the unpacked folder (without it: the one that this script lies in), or the .zip file.

Exit code: 0 all that was asked for is proven; 1 something is wrong; 2 it could not be checked;
3 nothing is wrong, but not all is proven.
"""

import argparse
import getpass
import gzip
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import uuid
import zipfile
import zlib

FORMAT = "order-ledger audit pack 1"
# Event ids are UUIDv5 in this namespace.
NAMESPACE = uuid.UUID("3c2d8f6e-51a4-4e0b-9d27-6b1f0a94c7e5")
NO_ROOT = "0" * 64


class Wrong(Exception):
    """The pack is not what it should be."""


class CannotCheck(Exception):
    """Nothing is known of the pack: a file or an input is missing."""


# ---------------------------------------------------------------------------------------------------------
# Ed25519, after RFC 8032, section 5.1: points on -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo P.
# A point is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def add(one, other):
    """The sum of two points; complete, so doubling is adding a point to itself."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    """The point added to itself, `scalar` times."""
    sum_ = IDENTITY
    for bit in bin(scalar)[2:]:
        sum_ = add(sum_, sum_)
        if bit == "1":
            sum_ = add(sum_, point)
    return sum_


def equal(one, other):
    """x1/z1 = x2/z2 and y1/z1 = y2/z2."""
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def recover_x(y, sign):
    """The x of a point with this y and this lowest bit of x; None where there is none."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u:
        return None
    if x == 0 and sign == 1:
        return None
    return P - x if x & 1 != sign else x


def decode_point(encoded):
    """A point from 32 bytes; None where they encode none, or not in the one way that is allowed."""
    number = int.from_bytes(encoded, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    x = recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public_key, message, signature):
    """Whether a signature (64 bytes) of a message is by a public key (32 bytes)."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = decode_point(public_key), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    return equal(multiply(s, BASE), add(r, multiply(k, a)))


# ---------------------------------------------------------------------------------------------------------
# What is hashed and signed.


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def length_prefixed(texts):
    """Each text as UTF-8 behind its length in bytes as a big-endian number of 64 bits."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(data).to_bytes(8, "big") + data for data in encoded)


def event_digest(event):
    names = ("stream", "version", "id", "event_type", "data", "metadata")
    return sha256(length_prefixed([str(event[name]) for name in names]))


def event_id(event):
    content = sha256(event["data"].encode())
    return str(uuid.uuid5(NAMESPACE, "\n".join((event["stream"], event["event_type"], content))))


def segment_hash(digests):
    return sha256(b"".join(bytes.fromhex(digest) for digest in digests))


def root_after(previous_root, segment):
    return sha256(bytes.fromhex(previous_root) + bytes.fromhex(segment))


def signed_text(seal):
    names = ("revision", "log_id", "count", "position", "previous_root", "segment", "root", "sealed_at")
    return "\n".join(["order-ledger seal v1"] + [str(seal[name]) for name in names]).encode()


def pay_event_sig(key, event, payload):
    return hmac.new(key, f"{event}&{payload}".encode(), hashlib.sha256).hexdigest()


def key_fingerprint(key):
    return hmac.new(key, b"order-ledger key fingerprint", hashlib.sha256).hexdigest()[:16]


# ---------------------------------------------------------------------------------------------------------
# Reading: what stands in the files, each in the one way in which it may be written.


def is_number(value):
    return type(value) is int and 0 <= value < 2**64


def is_text(value):
    return type(value) is str


def is_object(value):
    return type(value) is dict


def is_list(value):
    return type(value) is list


def matches(pattern):
    whole = re.compile(pattern)
    return lambda value: is_text(value) and whole.fullmatch(value) is not None


HASH, SIGNATURE = matches("[0-9a-f]{64}"), matches("[0-9a-f]{128}")
UUID = matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGITS = matches("[0-9]{1,20}")
MOMENT = matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

MANIFEST = {
    "format": lambda value: value == FORMAT, "software": is_text, "made_at": MOMENT, "id": is_text, "log_id": UUID,
    "position": is_number, "events": is_number, "unsealed": is_number, "seals": is_number,
    "newest_root": matches("([0-9a-f]{64})?"), "files": is_object,
}
EVENT = {
    "position": is_number, "ordinal": is_number, "stream": is_text, "version": is_number, "id": UUID,
    "event_type": is_text, "data": is_text, "metadata": is_text,
}
SEAL = {
    "log_id": UUID, "revision": is_number, "count": is_number, "position": is_number, "root": HASH,
    "sealed_at": MOMENT, "public_key": HASH, "signature": SIGNATURE, "previous_root": HASH, "segment": HASH,
}
FILE = {"bytes": is_number, "sha256": HASH}
DOCUMENTS = {
    "bill.json": {"rows": is_list, "lines": is_list, "notes": is_list},
    "cases.json": {"cases": is_list, "recoveries": is_list},
}


def no_name_twice(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return dict(pairs)


def parse(text, what):
    try:
        return json.loads(text, object_pairs_hook=no_name_twice)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{what} is no JSON: {error}") from None


def text_of(data, what):
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Wrong(f"{what} is no UTF-8: {error}") from None


def read_object(text, shape, what):
    """An object with exactly these fields in this order, written without any freedom."""
    value = parse(text, what)
    if not is_object(value) or list(value) != list(shape):
        raise Wrong(f"{what} must have exactly the fields {', '.join(shape)}")
    for name, is_right in shape.items():
        if not is_right(value[name]):
            raise Wrong(f"{what}: {name} is not what it must be: {value[name]!r:.100}")
    if json.dumps(value, ensure_ascii=False, separators=(",", ":")) != text:
        raise Wrong(f"{what} is not written as this format is written")
    return value


def read_document(files, name):
    """A whole file that is one object: nothing but what it says can be in its bytes."""
    return read_object(text_of(files[name], name), DOCUMENTS[name], name)


def lines_of(data, what):
    text = text_of(data, what)
    if text and not text.endswith("\n"):
        raise Wrong(f"{what} does not end with a line break")
    return text.split("\n")[:-1]


def read_pack(place):
    """The files of a pack by their names."""
    try:
        if os.path.isdir(place):
            files = {}
            for folder, _, names in os.walk(place):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        files[os.path.relpath(path, place).replace(os.sep, "/")] = file.read()
            return files
        with zipfile.ZipFile(place) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names):
                raise Wrong("the archive has two files of the same name")
            return {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Wrong(f"{place} is no whole archive: {error}") from None
    except OSError as error:
        raise CannotCheck(f"the pack cannot be read: {error}") from None


# ---------------------------------------------------------------------------------------------------------
# The checks. Each raises Wrong, or says what it has found to be right.


def say(text):
    """Prints a line; what stands in a pack must not steer a terminal."""
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text), flush=True)


class Report:
    """What was checked, and what remains open."""

    def __init__(self):
        self.open_points = 0

    def right(self, check, words):
        say(f"ok     {check}: {words}")

    def note(self, check, words):
        say(f"note   {check}: {words}")

    def open(self, check, words):
        self.open_points += 1
        say(f"OPEN   {check}: {words}")


def check_files(files, report):
    """pack.sha256 names the hash of pack.json, and pack.json those of all other files."""
    for name in ("pack.json", "pack.sha256"):
        if name not in files:
            raise CannotCheck(f"{name} is missing: this is no audit pack, or only a part of one")
    pack_hash = sha256(files["pack.json"])
    if files["pack.sha256"] != f"{pack_hash}  pack.json\n".encode():
        raise Wrong(f"pack.sha256 does not name the SHA-256 of pack.json, which is {pack_hash}")
    text = text_of(files["pack.json"], "pack.json")
    manifest = read_object(text[:-1] if text.endswith("\n") else text + " ", MANIFEST, "pack.json")
    for name, listed in manifest["files"].items():
        read_object(json.dumps(listed, separators=(",", ":")), FILE, f"pack.json: {name}")
        if name not in files:
            raise Wrong(f"{name} is missing")
        if (len(files[name]), sha256(files[name])) != (listed["bytes"], listed["sha256"]):
            raise Wrong(f"{name} is not the file that pack.json lists: its SHA-256 is {sha256(files[name])}")
    for name in ("README.txt", "verify.py", "events.jsonl", "seals.jsonl", "bill.json", "cases.json"):
        if name not in manifest["files"]:
            raise Wrong(f"pack.json does not list {name}")
    report.right("files", f"all {len(manifest['files'])} files are those that pack.json lists (SHA-256 {pack_hash})")
    others = sorted(set(files) - set(manifest["files"]) - {"pack.json", "pack.sha256"})
    if others:
        report.note("files", f"not part of the pack, and not looked at: {', '.join(others)}")
    return manifest


def read_events(files):
    events = []
    for number, line in enumerate(lines_of(files["events.jsonl"], "events.jsonl"), 1):
        event = read_object(line, EVENT, f"events.jsonl, line {number}")
        event["decoded"] = parse(event["data"], f"event {event['ordinal']}: its data")
        event["beside"] = parse(event["metadata"], f"event {event['ordinal']}: its metadata")
        if not is_object(event["decoded"]) or not is_object(event["beside"]):
            raise Wrong(f"event {event['ordinal']}: data and metadata must be objects")
        if events and event["ordinal"] <= events[-1]["ordinal"]:
            raise Wrong(f"events.jsonl, line {number}: the events do not stand in the order of the log")
        before = events[-1] if events else {"position": 0, "ordinal": 0}
        least = before["position"] + event["ordinal"] - before["ordinal"]
        if event["position"] < least:
            raise Wrong(f"events.jsonl, line {number}: position {event['position']} leaves no room for those before it")
        events.append(event)
    return events


def check_event_ids(events, report):
    for event in events:
        if event_id(event) != event["id"]:
            raise Wrong(
                f"event {event['ordinal']} ({event['event_type']} in {event['stream']}): its id {event['id']} is not "
                f"made from its content, which makes {event_id(event)}: it was altered"
            )
    report.right("event ids", f"each of the {len(events)} events has the id that its content makes")


def check_streams(events, report):
    """Of a bill, only the events that name its file are here; of all other streams, all from the first on."""
    streams = {}
    for event in events:
        streams.setdefault(event["stream"], []).append(event["version"])
    for stream, versions in streams.items():
        if stream.startswith("billday-"):
            if versions != sorted(set(versions)):
                raise Wrong(f"{stream}: versions do not rise: {versions}")
        elif versions != list(range(len(versions))):
            raise Wrong(f"{stream}: versions are {versions}: an event was left out")
    report.right("streams", f"{len(streams)} streams, none with an event left out before its last one here")


def check_chain(files, report):
    """Each seal's root follows from the root before it and the hash of its segment."""
    seals = [
        read_object(line, SEAL, f"seals.jsonl, line {number}")
        for number, line in enumerate(lines_of(files["seals.jsonl"], "seals.jsonl"), 1)
    ]
    before = None
    for seal in seals:
        name = f"seal {seal['revision']}"
        if before is None and seal["revision"] == 1 and seal["previous_root"] != NO_ROOT:
            raise Wrong(f"{name}: there is none before it, and it names a root before it")
        if before and seal["revision"] != before["revision"] + 1:
            raise Wrong(f"{name}: it does not follow seal {before['revision']}")
        if before and seal["previous_root"] != before["root"]:
            raise Wrong(f"{name}: the root before it is not that of seal {before['revision']}")
        if before and seal["count"] <= before["count"]:
            raise Wrong(f"{name}: it covers no more events than seal {before['revision']}")
        if root_after(seal["previous_root"], seal["segment"]) != seal["root"]:
            raise Wrong(f"{name}: its root does not follow from the root before it and its segment")
        before = seal
    if seals:
        first, last = seals[0]["revision"], seals[-1]["revision"]
        report.right("chain", f"the roots of seals {first} to {last} follow from each other")
    return seals


def check_seal_signatures(seals, public_key, report):
    keys = {}
    for place, seal in enumerate(seals):
        key = seal["public_key"]
        if public_key is not None and key not in public_key:
            raise Wrong(f"seal {seal['revision']} was signed by the key {key}, which is none that --public-key names")
        if not ed25519_verify(bytes.fromhex(key), signed_text(seal), bytes.fromhex(seal["signature"])):
            raise Wrong(f"seal {seal['revision']}: its signature does not verify under its key {key}")
        keys.setdefault(key, []).append(seal["revision"])
        if place % 500 == 499:
            print(f"{place + 1} of {len(seals)} seals verified", file=sys.stderr)
    for key, revisions in keys.items():
        report.right("signatures of seals", f"{len(revisions)} by the key {key}")
    if keys and public_key is None:
        report.note("signatures of seals", "compare the key with the one that the operator published (--public-key)")


def check_segments(files, manifest, events, seals, report):
    """Each event's digest stands in its seal's segment at its place, and the segment hashes to what was sealed."""
    listed = {name for name in manifest["files"] if name.startswith("segments/")}
    needed, before = set(), None
    unsealed = [event for event in events if not seals or event["ordinal"] > seals[-1]["count"]]
    for seal in seals:
        inside = [event for event in events if event["ordinal"] <= seal["count"] and "seal" not in event]
        name = f"segments/{seal['revision']}.txt"
        previous, before = before, seal["count"]
        if not inside:
            continue
        needed.add(name)
        if name not in listed:
            raise Wrong(f"pack.json does not list {name}")
        digests = lines_of(files[name], name)
        if not all(map(HASH, digests)):
            raise Wrong(f"{name} must have 64 hex digits in each line")
        first = seal["count"] - len(digests)
        expected = 0 if seal["revision"] == 1 else previous
        if first < 0 or expected not in (None, first):
            raise Wrong(f"{name} has {len(digests)} digests, which are not those since the seal before")
        if segment_hash(digests) != seal["segment"]:
            raise Wrong(f"{name} does not hash to the segment that seal {seal['revision']} names")
        for event in inside:
            at = event["ordinal"] - first - 1
            if at < 0 or digests[at] != event_digest(event):
                raise Wrong(
                    f"event {event['ordinal']} ({event['event_type']} in {event['stream']}) is not what was sealed: "
                    f"its digest does not stand in {name}, line {at + 1}"
                )
            event["seal"] = seal
    if listed != needed:
        raise Wrong(f"the pack must have exactly the segments {sorted(needed)}, and has {sorted(listed)}")
    if seals:
        sealed = len(events) - len(unsealed)
        report.right("segments", f"{sealed} events stand in {len(needed)} segments where they must")
    if unsealed:
        at = ", ".join(str(event["ordinal"]) for event in unsealed)
        report.open("segments", f"not sealed yet, so nothing proves when they were written: events {at}")


def check_counts(manifest, events, seals):
    newest = seals[-1] if seals else {"root": "", "count": 0}
    found = {
        "events": len(events), "seals": len(seals), "newest_root": newest["root"],
        "unsealed": sum("seal" not in event for event in events),
    }
    for name, value in found.items():
        if manifest[name] != value:
            raise Wrong(f"pack.json: {name} is {manifest[name]!r}, and the pack has {value!r}")
    if events and manifest["position"] < events[-1]["position"]:
        raise Wrong(f"pack.json: the log ends at position {manifest['position']}, before the last event here")


def read_anchors(given):
    """Seals that were kept out of the operator's reach, by their revisions."""
    kept = {}
    for text in given:
        lines = [text]
        if not text.lstrip().startswith("{"):
            try:
                with open(text, encoding="utf-8") as file:
                    lines = file.read().split("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise CannotCheck(f"--anchor {text}: {error}") from None
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line:
                continue
            try:
                anchor = read_object(line, SEAL, f"--anchor, line {number}")
            except Wrong as wrong:
                raise CannotCheck(f"{wrong}: this is no line of `order-ledger seal --export`") from None
            if kept.setdefault(anchor["revision"], anchor) != anchor:
                raise CannotCheck(f"--anchor: two different seals are number {anchor['revision']}")
    if given and not kept:
        raise CannotCheck("--anchor: no seal stands in it")
    return kept


def check_anchors(seals, kept, report):
    """What was kept is met in all that it says. Gives the newest seal that is."""
    met, by_root = None, {anchor["root"]: anchor for anchor in kept.values()}
    for seal in seals:
        anchor = kept.get(seal["revision"]) or by_root.get(seal["root"]) or seal
        for field in SEAL:
            if anchor[field] != seal[field]:
                raise Wrong(
                    f"seal {seal['revision']} is not the one that was kept: its {field} is {seal[field]}, and the "
                    f"anchor says {anchor[field]}"
                )
        met = seal if seal["revision"] in kept else met
    first, newest = seals[0], seals[-1]
    earlier, later = kept.get(first["revision"] - 1), kept.get(newest["revision"] + 1)
    if earlier is not None and earlier["root"] != first["previous_root"]:
        raise Wrong(f"seal {first['revision']} does not follow seal {earlier['revision']}, which was kept")
    if later is not None and later["previous_root"] != newest["root"]:
        raise Wrong(f"seal {later['revision']}, which was kept, does not follow seal {newest['revision']}")
    if met is None:
        report.open(
            "anchors",
            f"seals {min(kept)} to {max(kept)} were kept, and this pack has seals {first['revision']} to "
            f"{newest['revision']}: that proves nothing of it. Take a line of these seals, or ask for a new pack",
        )
    else:
        report.right(
            "anchors",
            f"seal {met['revision']} is, in number, count of events, root, moment ({met['sealed_at']}) and key, "
            "the one that was kept. Its events were written before it came into your hands; the moment is its "
            "signer's word",
        )
    return met


def check_root(seals, root, report):
    """Gives the seal whose root was published."""
    first, newest = seals[0], seals[-1]
    met = [seal for seal in seals if seal["root"] == root]
    if met:
        report.right(
            "published root",
            f"it is the root of seal {met[0]['revision']} of this pack: its events, and all before them, are what was "
            "sealed when the root was published, in this order",
        )
        return met[0]
    if root == first["previous_root"] and root != NO_ROOT:
        report.open(
            "published root",
            f"it is the root of the seal before seal {first['revision']}, with which this pack begins: it is older "
            "than all events here and proves none of them. Take the root of a later seal",
        )
        return None
    raise Wrong(
        f"the published root {root} is that of no seal from {first['revision']} to {newest['revision']}. Either the "
        "log was changed after it was published; or it is not of this log; or it is of a seal before "
        f"{first['revision']} or after {newest['revision']}, and cannot be held against this pack: take the root of "
        "one of its seals"
    )


def check_published(events, seals, root, kept, report):
    """What was published: without it, whoever holds the log could have made all seals anew."""
    if not seals:
        report.open("published root", "there is no seal yet: no root and no anchor proves anything of these events")
        return
    if root is None and not kept:
        report.open(
            "published root",
            f"--root and --anchor are missing. Take the root of seal {seals[-1]['revision']} from where it was "
            "published, outside of the operator's reach: a report, an anchor file, a log of alerts. This pack alone "
            "proves nothing.",
        )
        return
    met = [check_root(seals, root, report)] if root is not None else []
    met += [check_anchors(seals, kept, report)] if kept else []
    met = [seal for seal in met if seal is not None]
    if met and not kept:
        report.note(
            "published root",
            f"it proves the events and their order, and nothing else of the seal: that its number is "
            f"{met[0]['revision']}, its moment {met[0]['sealed_at']} and its key {met[0]['public_key']} is only the "
            "word of whoever signed it (--anchor holds them against what you kept)",
        )
    count = max((seal["count"] for seal in met), default=None)
    later = [event for event in events if count is not None and "seal" in event and event["seal"]["count"] > count]
    if later:
        at = ", ".join(str(event["ordinal"]) for event in later)
        report.open("published root", f"what was published is older than these events, and does not prove them: {at}")


# What an event says, and where the signed payload says it.
PAYMENT = {"mch_order_no": ["WeChatPayInfo.MchOrderNo"], "transaction_id": ["WeChatPayInfo.TransactionId"]}
GOODS = {
    "env": ["Env"], "open_id": ["OpenId"], "out_trade_no": ["OutTradeNo"], "product_id": ["GoodsInfo.ProductId"],
    "quantity": ["GoodsInfo.Quantity"], "zone_id": ["GoodsInfo.ZoneId"], "orig_price_fen": ["GoodsInfo.OrigPrice"],
    "actual_price_fen": ["GoodsInfo.ActualPrice"], "attach": ["GoodsInfo.Attach"],
    "order_source": ["GoodsInfo.OrderSource"], **PAYMENT,
}
COINS = {
    "env": ["Env"], "open_id": ["OpenId"], "out_trade_no": ["OutTradeNo"], "zone_id": ["CoinInfo.ZoneId"],
    "buy_quantity": ["CoinInfo.BuyQuantity"], "orig_price_fen": ["CoinInfo.OrigPrice"],
    "actual_price_fen": ["CoinInfo.ActualPrice", "CoinInfo.TotalPrice"], **PAYMENT,
}
REFUND = {
    "env": ["Env"], "refund_id": ["RefundId"], "refund_amount_fen": ["RefundAmount"], "refund_source": ["RefundSource"],
    "out_trade_no": ["OutTradeNo"], **PAYMENT,
}
FAMILIES = {"GoodsDelivered": GOODS, "CoinsDelivered": COINS, "RefundSucceeded": REFUND, "PaymentIdentified": PAYMENT}
KINDS = {"goods": GOODS, "coins": COINS, "refund": REFUND}


def signed_value(payload, paths):
    for path in paths:
        value = payload
        for name in path.split("."):
            value = value.get(name) if is_object(value) else None
        if value is not None and value != "":
            return str(value)
    return None


def names_of_stream(event, payload):
    """The stream that the signed payload names: of its refund, else of its order."""
    sandbox = str(payload.get("Env")) == "1"
    refund = signed_value(payload, ["RefundId"])
    category = "refund" if refund else "order"
    if event["event_type"] == "MockReceived":
        category = "mock"
    if sandbox:
        category = "sandbox" + category.capitalize()
    return f"{category}-{event['beside'].get('app')}.{refund or signed_value(payload, ['OutTradeNo'])}"


def check_content(event, family):
    """That the event says what was signed, and stands where that belongs."""
    name = f"event {event['ordinal']} ({event['event_type']} in {event['stream']})"
    payload = parse(event["beside"]["payload"], f"{name}: its signed payload")
    if not is_object(payload):
        raise Wrong(f"{name}: its signed payload is no object")
    for field, value in event["decoded"].items():
        if field == "kind":
            continue
        if field not in family:
            raise Wrong(f"{name}: it says {field}, which no push signs")
        signed = signed_value(payload, family[field])
        # WeChat writes numbers as numbers or as texts of digits.
        if is_number(value) and DIGITS(signed):
            signed = str(int(signed))
        if signed != str(value):
            raise Wrong(f"{name}: it says {field} {value!r}, and WeChat signed {signed!r}")
    # Of the ids of a payment, an event of its own says those that were new.
    must_say = {} if event["event_type"] == "PaymentIdentified" else family
    for field, paths in must_say.items():
        if field not in event["decoded"] and signed_value(payload, paths) is not None:
            raise Wrong(f"{name}: it does not say {field}, and WeChat signed one")
    if names_of_stream(event, payload) != event["stream"]:
        raise Wrong(f"{name}: the signed payload belongs to {names_of_stream(event, payload)}")


def check_pushes(events, report):
    """Every event that only a signed push brings has its signature, and says what was signed. Gives the pushes."""
    pushes = []
    for event in events:
        beside, name = event["beside"], f"event {event['ordinal']} ({event['event_type']} in {event['stream']})"
        family = FAMILIES.get(event["event_type"])
        if event["event_type"] in ("ConflictingPushReceived", "MockReceived"):
            kind = event["decoded"].get("kind")
            family = KINDS.get(kind) if is_text(kind) else None
            may_be_gift = event["event_type"] == "MockReceived" or event["stream"].startswith("gift-")
            if family is None and not (kind == "gift" and may_be_gift):
                raise Wrong(f"{name}: no push is of the kind {kind!r}")
        evidence = [beside.get(field) for field in ("event", "payload", "pay_event_sig", "key_fingerprint")]
        is_signed = all(map(is_text, evidence))
        if family is not None and not is_signed:
            raise Wrong(f"{name}: only a signed push brings such an event, and the signature is missing")
        if family is not None:
            check_content(event, family)
        if event["event_type"] == "PushQuarantined" and all(map(is_text, evidence[:2])):
            held = sha256(length_prefixed([str(beside.get("app")), beside["event"], beside["payload"]]))
            if event["stream"] != f"quarantine-{held}":
                raise Wrong(f"{name}: its payload belongs to quarantine-{held}")
        if is_signed:
            pushes.append(event)
    report.right("pushes", f"{len(pushes)} signed pushes; what the events say is what their payloads say")
    return pushes


def typed_keys(fingerprints):
    """Asks for the AppKeys, in any order; an empty line leaves one out."""
    keys = {}
    for fingerprint, env in fingerprints:
        prompt = f"AppKey {fingerprint} ({env}; Enter leaves it out): "
        typed = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
        key = typed.strip().encode()
        if not key:
            continue
        if key_fingerprint(key) not in dict(fingerprints):
            raise CannotCheck(
                f"a key that was typed in has the fingerprint {key_fingerprint(key)}; the pushes name "
                f"{', '.join(name for name, _ in fingerprints)}: either it was mistyped, or another key signed them"
            )
        keys[key_fingerprint(key)] = key
    return keys


def check_push_signatures(pushes, ask_key, report):
    check = "PayEventSig"
    if not pushes:
        report.note(check, "no signed push is in this pack")
        return
    if not ask_key:
        report.note(check, f"{len(pushes)} signatures were not verified: no AppKey was typed in (--ask-key)")
        return
    env = {0: "production", 1: "sandbox"}
    needed = {push["beside"]["key_fingerprint"]: env.get(push["beside"].get("verified_env"), "") for push in pushes}
    keys = typed_keys(sorted(needed.items()))
    verified = 0
    for push in pushes:
        beside = push["beside"]
        key = keys.get(beside["key_fingerprint"])
        if key is None:
            continue
        if not hmac.compare_digest(
            pay_event_sig(key, beside["event"], beside["payload"]).encode(), beside["pay_event_sig"].lower().encode()
        ):
            raise Wrong(f"event {push['ordinal']}: its PayEventSig does not verify under the AppKey that was typed in")
        verified += 1
    if verified:
        report.right(check, f"{verified} of {len(pushes)} verify under the AppKeys that were typed in")
    if verified < len(pushes):
        report.open(check, f"{len(pushes) - verified} of {len(pushes)} were not verified: their keys were left out")


def check_bill(files, events, report):
    """The sealed event that opened each bill names the file's hash; which line of it, the operator says."""
    bill = read_document(files, "bill.json")
    by_ordinal = {event["ordinal"]: event for event in events}
    try:
        for line in bill["lines"]:
            opened = by_ordinal.get(line["opened_ordinal"], {"event_type": None})
            if opened["event_type"] != "BillOpened":
                raise Wrong(f"bill.json: event {line['opened_ordinal']} is not here, or opened no bill")
            for field in ("merchant", "bill_day", "kind", "sha256", "file_name", "profile", "revision"):
                said = opened["decoded"][field]
                if said != line[field]:
                    raise Wrong(f"bill.json: {field} is {line[field]!r}, and the event says {said!r}")
        at = {(line["merchant"], line["sha256"], line["line"]) for line in bill["lines"]}
        billed = [row for row in bill["rows"] if row["bill_sha256"]]
        lost = [row for row in billed if (row["merchant"], row["bill_sha256"], row["bill_line"]) not in at]
        rows, lines = len(bill["rows"]), len(bill["lines"])
        counted = lambda count, one: f"{count} {one}" if count == 1 else f"{count} {one}s"
        words = f"{counted(rows, 'row')} of the report; {counted(lines, 'bill line')}, each of a file that an event names"
    except (KeyError, TypeError) as error:
        raise Wrong(f"bill.json is not what it must be: {error}") from None
    report.right("bill", words)
    for row in lost:
        report.open("bill", f"a row names line {row['bill_line']} of the file {row['bill_sha256']}, which is not here")
    return bill["lines"]


def check_bill_file(path, lines, report):
    """A bill file that the auditor has from WeChat Pay himself: its hash, and the lines in it."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise CannotCheck(f"--bill: {error}") from None
    found = [line for line in lines if line["sha256"] == sha256(data)]
    if not found:
        raise Wrong(f"--bill: the SHA-256 of {path} is {sha256(data)}, and no line of the pack is from that file")
    report.right("bill file", f"{path} is the file that was imported")
    texts = data.decode("utf-8", "replace").split("\n")
    for line in found:
        text = texts[line["line"] - 1].strip() if 0 < line["line"] <= len(texts) else ""
        number = (line.get("cells") or {}).get("transaction_id")
        if data.startswith(b"PK"):
            report.note("bill file", f"it is a workbook: look at row {line['line']} of its sheet yourself")
        elif number is None or number not in text:
            raise Wrong(f"--bill: line {line['line']} of the file does not tell of {number}: {text:.200}")
        else:
            report.right("bill file", f"line {line['line']}: {text:.300}")


def check_cases(files, events, report):
    """Each decision that cases.json tells of stands in an event."""
    said = read_document(files, "cases.json")
    decided = {event["ordinal"]: event["decoded"] for event in events if event["stream"].startswith("case-")}
    try:
        for case in said["cases"]:
            name = f"{case['merchant']}.{case['kind']}.{case['id']}"
            of_it = [event["ordinal"] for event in events if event["stream"] == f"case-{name}"]
            if of_it != case["events"]:
                raise Wrong(f"cases.json: the events of {name} are {of_it}, and it says {case['events']}")
            if case["state"] == "resolved" and (case["reason"], case["by"]) != tuple(
                decided[of_it[-1]][field] for field in ("reason", "by")
            ):
                raise Wrong(f"cases.json: {name} was not resolved by {case['by']!r} with that reason")
        words = f"{len(said['cases'])} cases, {len(said['recoveries'])} recovered orders"
    except (KeyError, TypeError, IndexError) as error:
        raise Wrong(f"cases.json is not what it must be: {error}") from None
    report.right("cases", words)


def verify(place, root, anchors, public_key, ask_key, bill_file):
    """All checks in their order. Gives the number of points that remain open."""
    report = Report()
    kept = read_anchors(anchors)
    files = read_pack(place)
    manifest = check_files(files, report)
    events = read_events(files)
    check_event_ids(events, report)
    check_streams(events, report)
    pushes = check_pushes(events, report)
    lines = check_bill(files, events, report)
    check_cases(files, events, report)
    seals = check_chain(files, report)
    check_seal_signatures(seals, public_key, report)
    check_segments(files, manifest, events, seals, report)
    check_counts(manifest, events, seals)
    check_published(events, seals, root, kept, report)
    if bill_file is not None:
        check_bill_file(bill_file, lines, report)
    check_push_signatures(pushes, ask_key, report)
    return report.open_points


def hash_argument(text):
    if not HASH(text.strip().lower()):
        raise argparse.ArgumentTypeError("must be 64 hex digits")
    return text.strip().lower()


def main():
    parser = argparse.ArgumentParser(description="Verifies an audit pack of order-ledger.")
    here = os.path.dirname(os.path.abspath(__file__))
    arguments = {
        "pack": {"nargs": "?", "default": here, "help": "the unpacked folder (default: this script's), or the .zip"},
        "--root": {"type": hash_argument, "help": "the root that was published, of the newest seal or an earlier one"},
        "--anchor": {
            "metavar": "LINE|FILE", "action": "append", "default": [],
            "help": "a line of `order-ledger seal --export`, or a file of such lines, that you kept; repeatable",
        },
        "--public-key": {"type": hash_argument, "action": "append", "help": "a key that may sign seals; repeatable"},
        "--ask-key": {"action": "store_true", "help": "asks for the AppKeys and verifies PayEventSig of every push"},
        "--bill": {"metavar": "FILE", "help": "a bill file from WeChat Pay, to look the lines up in"},
    }
    for name, how in arguments.items():
        parser.add_argument(name, **how)
    options = parser.parse_args()
    try:
        open_points = verify(
            options.pack, options.root, options.anchor, options.public_key, options.ask_key, options.bill
        )
    except Wrong as wrong:
        say(f"WRONG  {wrong}")
        say("result: this pack does not verify")
        return 1
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        say(f"WRONG  the pack is not written as this format is written: {error!r}")
        say("result: this pack does not verify")
        return 1
    except CannotCheck as problem:
        print(f"verify.py: {problem}", file=sys.stderr)
        return 2
    if open_points:
        say(f"result: nothing is wrong, and what stands as OPEN above is not proven: {open_points} points")
        return 3
    say("result: the pack verifies")
    return 0


if __name__ == "__main__":
    # What is printed is read by people: a terminal that cannot show a character must not end the check.
    sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())
