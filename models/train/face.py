"""A, face recognition: the projection from a face's gradients to its embedding.

A face is described by histograms of oriented gradients of its 64x64 grey picture and of the mirror image,
added, over a few framings. What of that tells persons apart, and what comes only from light, size and
framing, is learned by linear discriminant analysis on drawn persons (people.py), each varied many times.
Needs Debian's python3-opencv. `describe` is the same as in plugins/face/embedding.cpp.
"""

import json
import os
import struct
import time

import cv2
import numpy as np

import people

SEED = 5
SIZE = 64
DESCRIPTOR = 576
LENGTH = 128
PERSONS = 260
VARIED = 8
# Directions in which one person varies this much less than in the worst one count as equally steady.
FLOOR = 1e-3
HOG = cv2.HOGDescriptor((SIZE, SIZE), (16, 16), (16, 16), (8, 8), 9)


def hog(grey):
    return HOG.compute(grey).reshape(-1) + HOG.compute(cv2.flip(grey, 1)).reshape(-1)


def describe(grey, box):
    """The face box (x, y, w, h) of a grey picture as a vector of length 1: the sum over framings makes it
    steady against the detector's jitter."""
    x, y, w, h = (float(v) for v in box)
    if w > 180:
        shrink = 128.0 / w
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        x, y, w, h = x * shrink, y * shrink, w * shrink, h * shrink
    total = np.zeros(DESCRIPTOR, np.float32)
    for scale in (0.85, 0.92, 1.0):
        for dx in (-0.03, 0.0, 0.03):
            for dy in (-0.03, 0.0, 0.03):
                zoom = 2 * SIZE / (w * scale)
                cx, cy = x + w / 2 + dx * w, y + h / 2 + dy * h
                m = np.float32([[zoom, 0, SIZE - cx * zoom], [0, zoom, SIZE - cy * zoom]])
                face = cv2.warpAffine(grey, m, (2 * SIZE, 2 * SIZE), flags=cv2.INTER_LINEAR,
                                      borderMode=cv2.BORDER_REPLICATE)
                face = cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
                total += hog(cv2.GaussianBlur(face, (0, 0), 1.0))
    return total / np.linalg.norm(total)


def train(out, minutes):
    del minutes  # not iterative
    start = time.time()
    random = np.random.default_rng(SEED)
    means, within = [], []
    for _ in range(PERSONS):
        rgb, alpha = people.draw(people.person(random), 220, 200, 100, 95, 80, side=random.uniform(-0.8, 0.8),
                                 ambient=random.uniform(0.4, 0.7), sharp=1)
        wall = random.uniform(0.2, 0.9, 3)
        picture = ((rgb * alpha[..., None] + wall * (1 - alpha[..., None])) * 255).astype(np.uint8)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        varied = []
        for _ in range(VARIED):
            side = 84 * random.uniform(0.9, 1.1)
            varied.append(describe(grey, (58 + random.uniform(-4, 4), 53 + random.uniform(-4, 4), side, side)))
        means.append(np.mean(varied, 0))
        within += [v - means[-1] for v in varied]
    means, within = np.array(means), np.array(within)
    mean = means.mean(0)
    power, axes = np.linalg.eigh(within.T @ within / len(within))
    whiten = axes / np.sqrt(power + FLOOR * power.max())
    between = (means - mean) @ whiten
    _, best = np.linalg.eigh(between.T @ between)
    matrix = whiten @ best[:, ::-1][:, :LENGTH]
    path = os.path.join(out, "embedding.bin")
    with open(path, "wb") as file:
        file.write(b"WEFTFACE" + struct.pack("<II", DESCRIPTOR, LENGTH))
        file.write(mean.astype("<f4").tobytes() + matrix.astype("<f4").tobytes())
    print("face:", json.dumps({"persons": PERSONS, "minutes": (time.time() - start) / 60, "seed": SEED,
                               "bytes": os.path.getsize(path)}), flush=True)
