"""Recomputes a log's root from its entry bundles (RFC 6962, C2SP tlog-tiles), and compares it with the checkpoint.

    python3 recompute_root.py DIR
"""
import base64, hashlib, pathlib, sys

folder = pathlib.Path(sys.argv[1])
size, root = (folder / "checkpoint").read_text().split("\n")[1:3]
size = int(size)


def path(n, width):  # 1234067 -> x001/x234/067
    groups = f"{n:03d}"
    while len(groups) % 3:
        groups = "0" + groups
    groups = [groups[i : i + 3] for i in range(0, len(groups), 3)]
    return "/".join(["x" + g for g in groups[:-1]] + groups[-1:]) + (f".p/{width}" if width < 256 else "")


def leaves():
    for first in range(0, size, 256):
        width = min(256, size - first)
        bundle = (folder / "tile/entries" / path(first // 256, width)).read_bytes()
        for _ in range(width):
            length = int.from_bytes(bundle[:2], "big")
            yield hashlib.sha256(b"\0" + bundle[2 : 2 + length]).digest()
            bundle = bundle[2 + length :]
        assert not bundle, "bytes after the last entry"


def tree(hashes):
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(hashes[:split]) + tree(hashes[split:])).digest()


computed = base64.b64encode(tree(list(leaves()))).decode()
if computed != root:
    sys.exit(f"{size} entries have the root {computed}, the checkpoint says {root}")
print(f"{size} entries, root {root}")
