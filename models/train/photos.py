"""Freely licensed photographs that Debian packages ship.

The packages are fetched by their names with apt-get into a cache folder outside the repository and
unpacked there, not installed. Nothing of them is committed. Which photograph shows which scene was
said by us after looking at each; `held` pictures are never trained on.
"""

import os
import subprocess

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None

CACHE = os.environ.get("WEFT_TRAIN_CACHE", "/tmp/weft-train")

PACKAGES = [
    "lomiri-wallpapers-16.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "tuxpaint-data",
    "ukui-wallpapers",
    "gnome-backgrounds",
    "opencv-doc",
    "python3-sklearn",
    "stellarium-data",
]


def package(name):
    """The folder in which the package's files lie, fetched at first use."""
    root = os.path.join(CACHE, "x", name)
    if not os.path.isdir(root):
        debs = os.path.join(CACHE, "deb")
        os.makedirs(debs, exist_ok=True)
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


def load_before_skies(name, relative, longest, count, random):
    """The picture; or, where it has transparent parts (a landscape without its sky), `count` pictures of it
    before drawn skies."""
    image = Image.open(os.path.join(package(name), relative))
    if image.mode not in ("RGBA", "LA", "PA") or "jpg" in relative:
        return [load(name, relative, longest)]
    image = image.convert("RGBA")
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
