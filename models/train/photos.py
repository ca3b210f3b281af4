"""Freely licensed photographs that Debian packages ship.

The packages are fetched by their names with apt-get into a cache folder outside the repository and
unpacked there, not installed. Nothing of them is committed. labels.py says what they show.
"""

import io
import os
import re
import struct
import subprocess

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None

CACHE = os.environ.get("WEFT_TRAIN_CACHE", "/tmp/weft-train")


def package(name):
    """The folder in which the package's files lie, fetched at first use."""
    root = os.path.join(CACHE, "x", name)
    if not os.path.isdir(root):
        debs = os.path.join(CACHE, "deb")
        os.makedirs(debs, exist_ok=True)
        os.makedirs(os.path.dirname(root), exist_ok=True)
        subprocess.run(["apt-get", "download", name], cwd=debs, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deb = [f for f in os.listdir(debs) if f.startswith(name + "_")][0]
        subprocess.run(["dpkg", "-x", os.path.join(debs, deb), root], check=True)
    return root


def load(name, relative, longest=None):
    """A picture of a package as UINT8 [h, w, 3]."""
    image = Image.open(os.path.join(package(name), relative))
    if longest:
        image.draft("RGB", (longest, longest))
    image = image.convert("RGB")
    if longest and max(image.size) > longest:
        scale = longest / max(image.size)
        image = image.resize([max(1, round(s * scale)) for s in image.size], Image.LANCZOS)
    return np.asarray(image)


def load_before_skies(name, relative, longest, count, random, above=0):
    """The picture; or, where it has transparent parts (a landscape without its sky), `count` pictures of it
    before drawn skies, with more sky over it, as `above` parts of its height."""
    image = Image.open(os.path.join(package(name), relative))
    if image.mode not in ("RGBA", "LA", "PA") or "jpg" in relative:
        return [load(name, relative, longest)]
    image = image.convert("RGBA")
    if above:
        whole = Image.new("RGBA", (image.width, int(image.height * (1 + above))))
        whole.paste(image, (0, whole.height - image.height))
        image = whole
    image.thumbnail((longest, longest), Image.BOX)
    pixels = np.asarray(image).astype(np.float32)
    alpha = pixels[..., 3:] / 255
    if alpha.mean() > 0.98:
        return [pixels[..., :3].astype(np.uint8)]
    down = np.linspace(0, 1, pixels.shape[0], dtype=np.float32)[:, None, None]
    pictures = []
    for _ in range(count):
        top = np.array([60, 120, 200]) * random.uniform(0.6, 1.2) + random.uniform(-20, 20, 3)
        low = np.array([205, 220, 235]) * random.uniform(0.85, 1.05) + random.uniform(-15, 15, 3)
        sky = top + (low - top) * np.minimum(1, down * 1.8)
        pictures.append(np.clip(pixels[..., :3] * alpha + sky * (1 - alpha), 0, 255).astype(np.uint8))
    return pictures


def load_panorama(name, relative, count):
    """`count` views around of a panorama with high dynamic range, which ImageMagick's convert reads (Debian's
    imagemagick with libmagickcore-6.q16-6-extra)."""
    path = os.path.join(CACHE, os.path.basename(relative) + ".png")
    if not os.path.exists(path):
        subprocess.run(["convert", os.path.join(package(name), relative), "-colorspace", "sRGB", "-depth", "8", path],
                       check=True)
    around = np.asarray(Image.open(path).convert("RGB"))
    high, wide = around.shape[:2]
    around = np.concatenate([around, around], 1)[int(0.2 * high):int(0.78 * high)]
    return [np.ascontiguousarray(around[:, i * wide // count:i * wide // count + int(0.75 * high)])
            for i in range(count)]


def load_archive(name, file, longest):
    """The opaque pictures of a Qt resource archive, in which files lie uncompressed, their length before them."""
    path = [p for p in find(name, (".rcc",), 0) if p.endswith("/" + file)][0]
    with open(os.path.join(package(name), path), "rb") as opened:
        data = opened.read()
    pictures = []
    for magic in (b"RIFF", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        at = data.find(magic)
        while at >= 0:
            size = struct.unpack(">I", data[at - 4:at])[0] if at >= 4 else 0
            try:
                image = Image.open(io.BytesIO(data[at:at + size])) if 2000 < size < len(data) else None
                if image and min(image.size) >= 200 and (
                        image.mode not in ("RGBA", "P") or image.convert("RGBA").getextrema()[3][0] >= 250):
                    image = image.convert("RGB")
                    image.thumbnail((longest, longest), Image.LANCZOS)
                    pictures.append(np.asarray(image))
            except (OSError, SyntaxError):
                pass  # bytes that only looked like the begin of a picture
            at = data.find(magic, at + 4)
    return pictures


def find(name, suffixes=(".jpg", ".jpeg", ".png", ".webp"), smallest=40000):
    """All pictures of a package that are big enough to be more than an icon."""
    root = package(name)
    found = []
    for folder, _, files in os.walk(root):
        for file in files:
            path = os.path.join(folder, file)
            if file.lower().endswith(suffixes) and not os.path.islink(path) \
                    and os.path.getsize(path) > smallest:
                found.append(os.path.relpath(path, root))
    return sorted(found)


def load_sky(name, pattern, faces, longest):
    """Eight views around in a game's sky box: along each of its four faces and between them."""
    path = os.path.join(package(name), pattern)
    pictures = [Image.open(path % face).convert("RGB") for face in faces]
    side = min(longest, *(p.height for p in pictures))
    around = np.concatenate([np.asarray(p.resize((side, side), Image.BOX)) for p in pictures + pictures[:2]], 1)
    return [np.ascontiguousarray(around[:int(0.93 * side), i * side // 2:i * side // 2 + side]) for i in range(8)]


def alike(picture):
    """64 numbers that are near for two versions of one picture."""
    small = np.asarray(Image.fromarray(picture).convert("L").resize((8, 8), Image.BOX), float).ravel()
    return (small - small.mean()) / (small.std() + 4)


def pool(name, leave_out, longest, most, known):
    """Up to `most` pictures of a package: big, opaque, rich in colours, none twice or like one in `known`, which
    grows by them."""
    out = []
    paths = [p for p in find(name, smallest=15000) if not (leave_out and re.search(leave_out, p))]
    if len(paths) > 500:
        paths = [paths[i] for i in sorted(np.random.default_rng(1).permutation(len(paths))[:500])]
    for path in paths:
        try:
            image = Image.open(os.path.join(package(name), path))
            if min(image.size) < 150 or max(image.size) > 2.6 * min(image.size) or image.size[0] * image.size[1] > 6e7:
                continue
            image.draft("RGB", (2 * longest, 2 * longest))
            if image.mode in ("RGBA", "LA", "P", "PA") and \
                    (np.asarray(image.convert("RGBA"))[..., 3] < 250).mean() > 0.02:
                continue
            image = image.convert("RGB")
            image.thumbnail((longest, longest), Image.BOX)
        except (OSError, SyntaxError):
            continue
        small = np.asarray(image.resize((64, 64), Image.BOX)).astype(int) >> 3
        colours = len(np.unique(small[..., 0] << 10 | small[..., 1] << 5 | small[..., 2]))
        flat = (np.abs(np.diff(np.asarray(image.convert("L"), float), axis=1)) < 0.5).mean()
        sign = alike(np.asarray(image))
        if colours < 250 or flat > 0.45 or min(((sign - k) ** 2).mean() for k in known) < 0.03:
            continue
        known.append(sign)
        out.append((np.asarray(image), path))
        if len(out) == most:
            break
    return out


def load_cut_outs(name, longest):
    """The pictures of a package with their transparency: UINT8 [h, w, 4]."""
    out = []
    for path in find(name, (".png",), 0):
        image = Image.open(os.path.join(package(name), path))
        if min(image.size) >= 100:
            image = image.convert("RGBA")
            image.thumbnail((longest, longest))
            out.append(np.asarray(image))
    return out
