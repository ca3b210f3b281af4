"""The noise that the generator draws from, and the fields it reads at each point of the picture.

Noise is a counter-based integer generator: element i of stream s under seed k is a keyed permutation of
the counter s * STREAM + i over the prime field p = 2^31 - 1. A round is x -> (x + key + constant)^5 mod p
(5 is prime to p - 1, so a round is a permutation, as in the MiMC cipher); every product stays below
2^62, so each step is exact in int64 on any machine, and ONNX needs only Add, Mul and Mod for it.

A field is a function of a point: value noise on lattices of several sizes, random cells with objects in
them, a ground in perspective. The training evaluates it at random points, the exported network at every
pixel.
"""

import torch
import torch.nn.functional as F

PRIME = (1 << 31) - 1
STREAM = 1 << 20
# Digits of pi in base 2^31 - 1 would do as well: any constants without structure.
ROUNDS = (1186441739, 642350217, 1912876450, 75310918, 1503322871)

THETA = 16


def uniform(seed, stream, count):
    """`count` numbers in [0, 1) for each of the seeds [b]: FP32 [b, count]."""
    key = torch.remainder(seed, PRIME).unsqueeze(1)
    high = torch.remainder(torch.div(seed, PRIME, rounding_mode="trunc"), PRIME).unsqueeze(1)
    # Counted at run time (by a sum of ones made of the seed), so that no counters are kept in the file.
    x = torch.cumsum((seed[:1] * 0 + 1).expand(count), 0).unsqueeze(0) + (stream * STREAM - 1)
    x = torch.remainder(x + high * 7919, PRIME)
    for constant in ROUNDS:
        x = torch.remainder(x + key + constant, PRIME)
        square = torch.remainder(x * x, PRIME)
        fourth = torch.remainder(square * square, PRIME)
        x = torch.remainder(fourth * x, PRIME)
    return x.to(torch.float32) / float(PRIME)


def normal(seed, stream, count):
    """Nearly normal numbers: the sum of twelve uniform ones less six, exact to add, without a logarithm."""
    u = uniform(seed, stream, count * 12)
    return u.reshape(u.shape[0], count, 12).sum(2) - 6.0


# Streams, so that no two fields share noise.
RIDGES, CLOUD, MID, GRAIN, WAVY, DRAPE, CELLS, WINDOWS, DOTS, GROUND, LATENT = range(1, 12)

RIDGE_CURVES = 4
RIDGE_OCTAVES = ((3, 1.0), (7, 0.5), (15, 0.25), (31, 0.125), (67, 0.06), (139, 0.03))
CELL_COUNTS = (27, 15, 8)
WINDOW_LATTICE = (72, 56)
DOT_LATTICES = (18, 56)


def lattice(noise, xy, width, height):
    """Value noise in -1..1: noise [b, c, height + 1, width + 1] read at xy [b, n, 2] in 0..1: [b, c, n]."""
    size = torch.tensor([float(width), float(height)])
    p = xy.clamp(0.0, 1.0) * size
    i = torch.floor(p)
    f = p - i
    smooth = i + f * f * (3.0 - 2.0 * f)
    grid = smooth / size * 2.0 - 1.0
    read = F.grid_sample(noise, grid.unsqueeze(1), mode="bilinear", padding_mode="border",
                         align_corners=True)
    return read.squeeze(2) * 2.0 - 1.0


class Noise:
    """The noise of one seed, or of a batch of seeds; may keep what it made, for a training that comes back
    to the same seeds."""

    def __init__(self, seed, keep=False):
        self.seed = seed
        self.batch = seed.shape[0]
        self.kept = {} if keep else None

    def uniform(self, stream, count):
        if self.kept is None:
            return uniform(self.seed, stream, count)
        if (stream, count) not in self.kept:
            self.kept[stream, count] = uniform(self.seed, stream, count)
        return self.kept[stream, count]

    def octaves(self, stream, xy, sizes, channels=1):
        """The sum of lattices: sizes are (width, height, gain)."""
        count = sum(channels * (height + 1) * (width + 1) for width, height, _ in sizes)
        noise = self.uniform(stream, count)
        offset, total, gains = 0, None, 0.0
        for width, height, gain in sizes:
            next_offset = offset + channels * (height + 1) * (width + 1)
            plane = noise[:, offset:next_offset].reshape(self.batch, channels, height + 1, width + 1)
            value = lattice(plane, xy, width, height) * gain
            total = value if total is None else total + value
            offset = next_offset
            gains += gain * gain
        return total / (0.75 * gains ** 0.5)


def gather(table, index):
    """table [b, m] read at index [b, n]."""
    return torch.gather(table, 1, index)


def fields(noise, xy, theta):
    """All that the picture is made of: [b, CHANNELS, n]; noise of [b] seeds, xy [b, n, 2] in 0..1 (y down),
    theta [b, THETA], the picture's style, of which the ground and the light depend."""
    x, y = xy[..., 0], xy[..., 1]
    row = torch.stack([x, x * 0], 2)
    out = [x * 2 - 1, y * 2 - 1]

    # 1: horizon, light and perspective.
    horizon = 0.5 + 0.12 * theta[:, 2:3]
    below = y - horizon
    out.append(below * 3.0)
    sun_x, sun_y = 0.5 + 0.42 * theta[:, 3:4], horizon - 0.06 - 0.2 * (theta[:, 4:5] + 1.0)
    dx, dy = x - sun_x, y - sun_y
    out.append(torch.sqrt(dx * dx + dy * dy + 1e-6) * 2.0)
    out.append(dx * 2.0)
    depth = 0.06 / (below.clamp(min=0.0) + 0.03)
    near = torch.stack([0.5 + (x - 0.5) * depth * 0.5, depth * 0.5], 2)
    out.append(noise.octaves(GROUND, near, ((40, 40, 1.0), (90, 90, 0.7)))[:, 0])
    out.append(noise.octaves(GROUND + 20, near, ((180, 120, 1.0), (300, 200, 0.8)))[:, 0])

    # 2: curves over the width.
    curves = noise.octaves(RIDGES, row, [(w, 1, g) for w, g in RIDGE_OCTAVES], RIDGE_CURVES)
    for i in range(RIDGE_CURVES):
        out.append(curves[:, i])

    # 3: planes.
    out.append(noise.octaves(CLOUD, xy, ((3, 6, 1.0), (6, 13, 0.6), (13, 29, 0.35), (29, 61, 0.2),
                                         (61, 127, 0.1)))[:, 0])
    out.append(noise.octaves(MID, xy, ((11, 11, 1.0), (23, 23, 0.7), (47, 47, 0.5), (97, 97, 0.35)))[:, 0])
    out.append(noise.octaves(GRAIN, xy, ((111, 111, 0.8), (230, 230, 1.0)))[:, 0])
    out.append(noise.octaves(WAVY, xy, ((7, 60, 1.0), (17, 130, 0.8)))[:, 0])
    out.append(noise.octaves(DRAPE, xy, ((14, 2, 1.0), (37, 3, 0.6), (90, 5, 0.3)))[:, 0])

    # 4: rows of objects: where in its cell a point lies, and two random numbers of that cell.
    for k, count in enumerate(CELL_COUNTS):
        table = noise.uniform(CELLS + 20 * k, 3 * count)
        place = x * count
        index = torch.floor(place).clamp(0, count - 1).to(torch.int64)
        jitter = gather(table[:, :count], index)
        out.append(place - index.to(torch.float32) - 0.5 - 0.3 * (jitter - 0.5))
        out.append(gather(table[:, count:2 * count], index) * 2 - 1)
        out.append(gather(table[:, 2 * count:], index) * 2 - 1)

    # 5: windows of houses.
    width, height = WINDOW_LATTICE
    table = noise.uniform(WINDOWS, width * height)
    px, py = x * width, y * height
    ix = torch.floor(px).clamp(0, width - 1)
    iy = torch.floor(py).clamp(0, height - 1)
    out.append(torch.abs(px - ix - 0.5) * 4 - 1)
    out.append(torch.abs(py - iy - 0.5) * 4 - 1)
    out.append(gather(table, (iy * width + ix).to(torch.int64)) * 2 - 1)

    # 6: dots: distance to the dot of the cell, and a random number of it.
    for k, count in enumerate(DOT_LATTICES):
        table = noise.uniform(DOTS + 20 * k, 3 * count * count)
        px, py = x * count, y * count
        ix = torch.floor(px).clamp(0, count - 1)
        iy = torch.floor(py).clamp(0, count - 1)
        index = (iy * count + ix).to(torch.int64)
        n = count * count
        ax = px - ix - 0.25 - 0.5 * gather(table[:, :n], index)
        ay = py - iy - 0.25 - 0.5 * gather(table[:, n:2 * n], index)
        out.append(torch.sqrt(ax * ax + ay * ay + 1e-6) * 2)
        out.append(gather(table[:, 2 * n:], index) * 2 - 1)
    return torch.stack(out, 1)


NAMES = (["x", "y", "below", "sun", "sun_dx", "ground", "fine_ground"]
         + ["ridge%d" % i for i in range(RIDGE_CURVES)]
         + ["cloud", "mid", "grain", "wavy", "drape"]
         + ["%s%d" % (n, k) for k in range(len(CELL_COUNTS)) for n in ("offset", "a", "b")]
         + ["window_x", "window_y", "window"]
         + ["%s%d" % (n, k) for k in range(len(DOT_LATTICES)) for n in ("dot", "dot_a")])
CHANNELS = len(NAMES)
