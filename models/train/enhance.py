"""D, image enhancement: a picture twice as large, sharper than interpolation makes it.

A residual network works at the small size and adds what bicubic interpolation lacks. It is trained on
pairs (picture, picture shrunk with an antialiasing bicubic filter).
"""

import json
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

import photos
from common import export, file_bytes

SEED = 4
WIDTH = 32
DEPTH = 4
PATCH = 48
BATCH = 12
SIDE = 512

PHOTO_PACKAGES = ["lomiri-wallpapers-16.04", "mate-backgrounds", "plasma-workspace-wallpapers",
                  "tuxpaint-data"]
# Held-out pictures: other packages, and one of each kind that the training packages hold.
HELD = ["Dune.jpg", "sunset_by_Aitzol", "wool_mill_machine", "trees_at_dusk", "EveningGlow"]


def keys(d, a=-0.75):
    inner = (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
    outer = a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a
    return torch.where(d <= 1, inner, torch.where(d < 2, outer, torch.zeros_like(d)))


class Enhance(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(DEPTH))
        self.tail = nn.Conv2d(WIDTH, 12, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)
        # Keys' kernel with a = -0.75 for the positions a quarter of a pixel before and behind.
        near, far = [torch.tensor(v) for v in ([1.75, 0.75, 0.25, 1.25, 9.0], [9.0, 1.25, 0.25, 0.75, 1.75])]
        rows = [keys(near), keys(far)]
        self.register_buffer("cubic", torch.stack([torch.outer(a, b) for a in rows for b in rows]).unsqueeze(1))

    def upscale(self, x):
        """x in 0..1 [n, 3, h, w]; the answer is not clamped, so that training sees its overshoot."""
        h = F.leaky_relu(self.head(x - 0.5), 0.1)
        first = h
        for conv in self.body:
            h = F.leaky_relu(conv(h), 0.1)
        detail = F.pixel_shuffle(self.tail(h + first), 2)
        return detail + self.bicubic(x)

    def bicubic(self, x):
        """Bicubic interpolation to twice the size as a convolution: each of the four new pixels of an old
        one has its own kernel. (The Resize that torch exports for it is refused by ONNX Runtime.)"""
        n, c, h, w = x.shape
        padded = F.pad(x, [2, 2, 2, 2], mode="replicate")
        taps = F.conv2d(padded.permute(1, 0, 2, 3), self.cubic)
        return F.pixel_shuffle(taps.permute(1, 0, 2, 3).reshape(n, 4, c, h, w).transpose(1, 2).reshape(n, 4 * c, h, w), 2)

    def forward(self, image):
        x = image.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 255.0
        y = self.upscale(x).clamp(0.0, 1.0) * 255.0
        return torch.round(y).to(torch.uint8).squeeze(0).permute(1, 2, 0)


def shrink(picture):
    h, w = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    picture = picture[:h, :w]
    small = Image.fromarray(picture).resize((w // 2, h // 2), Image.BICUBIC)
    return picture, np.asarray(small)


def pictures():
    train, held = [], []
    for name in PHOTO_PACKAGES:
        for path in photos.find(name):
            if "/doc/" in path or "1080x1920" in path or "720x1440" in path or "worldmap" in path:
                continue
            picture = photos.load(name, path, longest=1440)
            if picture.std() < 8:
                continue
            (held if any(h in path for h in HELD) else train).append(shrink(picture))
    folder = "/usr/lib/python3/dist-packages/skimage/data"
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        held.append(shrink(np.asarray(Image.open(os.path.join(folder, name)).convert("RGB"))))
    for name in ("china.jpg", "flower.jpg"):
        held.append(shrink(photos.load(
            "python3-sklearn", "usr/lib/python3/dist-packages/sklearn/datasets/images/" + name)))
    return train, held


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return 10 * math.log10(255.0 ** 2 / error)


def ssim(a, b):
    from skimage.metrics import structural_similarity
    return structural_similarity(a, b, channel_axis=2)


def judge(enlarge, held):
    rows = []
    for large, small in held:
        bicubic = np.asarray(Image.fromarray(small).resize(large.shape[1::-1], Image.BICUBIC))
        ours = enlarge(small)
        rows.append((psnr(ours, large), psnr(bicubic, large), ssim(ours, large), ssim(bicubic, large)))
    mean = np.mean(np.array(rows), axis=0)
    return {"pictures": len(rows), "psnr": mean[0], "psnr_bicubic": mean[1], "ssim": mean[2],
            "ssim_bicubic": mean[3], "better_on": sum(int(r[0] > r[1] and r[2] > r[3]) for r in rows)}


def train(out, minutes):
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    pool, held = pictures()
    print("enhance: %d pictures to train on, %d held out" % (len(pool), len(held)), flush=True)
    net = Enhance()
    best = torch.optim.Adam(net.parameters(), lr=1e-3)
    start, step, mean = time.time(), 0, 0.0
    while True:
        done = (time.time() - start) / (60.0 * minutes)
        if done >= 1:
            break
        for group in best.param_groups:
            group["lr"] = 1e-5 + 1.2e-3 * 0.5 * (1 + math.cos(math.pi * done))
        low = np.empty((BATCH, PATCH, PATCH, 3), np.uint8)
        high = np.empty((BATCH, 2 * PATCH, 2 * PATCH, 3), np.uint8)
        for i in range(BATCH):
            large, small = pool[random.integers(len(pool))]
            # Of two places the one with more structure: flat sky teaches nothing.
            places = []
            for _ in range(2):
                y = int(random.integers(small.shape[0] - PATCH + 1))
                x = int(random.integers(small.shape[1] - PATCH + 1))
                places.append((small[y:y + PATCH, x:x + PATCH].std(), y, x))
            _, y, x = max(places)
            a, b = small[y:y + PATCH, x:x + PATCH], large[2 * y:2 * (y + PATCH), 2 * x:2 * (x + PATCH)]
            turn = int(random.integers(8))
            a, b = np.rot90(a, turn % 4), np.rot90(b, turn % 4)
            if turn >= 4:
                a, b = a[:, ::-1], b[:, ::-1]
            low[i], high[i] = a, b
        x = torch.from_numpy(low).permute(0, 3, 1, 2).float() / 255.0
        y = torch.from_numpy(high).permute(0, 3, 1, 2).float() / 255.0
        loss = F.l1_loss(net.upscale(x), y)
        best.zero_grad()
        loss.backward()
        best.step()
        step += 1
        mean += 0.01 * (loss.item() - mean)
        if step % 200 == 0:
            print("enhance: step %d, %.0f %%, loss %.5f" % (step, 100 * done, mean), flush=True)
    net.eval()

    def enlarge(small):
        with torch.no_grad():
            return net(torch.from_numpy(small.copy())).numpy()

    quality = judge(enlarge, held)
    quality.update(steps=step, minutes=(time.time() - start) / 60, seed=SEED)
    torch.save(net.state_dict(), os.path.join(out, "enhance.pt"))
    path = os.path.join(out, "enhance.onnx")
    export(net, (torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8),), path, ["image"], ["enhanced"])
    quality["bytes"] = file_bytes(path)
    print("enhance:", json.dumps(quality), flush=True)
    return quality
