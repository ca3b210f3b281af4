"""What B measures in a picture before anything is learned: designed features that need no training.

Where energy of which direction and size is, as in Oliva's and Torralba's gist of a scene; which colours are where;
and how bright and rough each row is. All are fixed convolutions, pools and sums, so that the same module
computes them in the training and, exported, in the network. A picture and its mirror give the same features.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 128
SIZES = 4
TURNS = 8
KERNEL = 11
GRID = 4
BANDS = 8
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
SHADES = (-0.3, -0.15, -0.05, 0.05, 0.15, 0.3)
PARTS = ((0, 1), (0, 0.375), (0.375, 0.625), (0.625, 1))


def bank():
    """Even and odd oriented band-pass kernels without mean: [2 * TURNS, 1, KERNEL, KERNEL]."""
    half = KERNEL // 2
    y, x = torch.meshgrid(torch.arange(-half, half + 1.0), torch.arange(-half, half + 1.0), indexing="ij")
    envelope = torch.exp(-(x * x + y * y) / (2 * 2.4 ** 2))
    kernels = []
    for i in range(TURNS):
        angle = math.pi * i / TURNS
        along = (x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / 5.0
        for wave in (torch.cos(along), torch.sin(along)):
            k = envelope * wave
            k = k - envelope * (k.sum() / envelope.sum())
            kernels.append(k / k.abs().sum())
    return torch.stack(kernels).unsqueeze(1)


def near(value, centres):
    """How much each value belongs to each centre: triangles that sum to one, the ends open. [n, c, h, w]."""
    out = []
    for i, c in enumerate(centres):
        v = value
        below = (v - centres[i - 1]) / (c - centres[i - 1]) if i > 0 else torch.ones_like(v)
        above = (centres[i + 1] - v) / (centres[i + 1] - c) if i + 1 < len(centres) else torch.ones_like(v)
        out.append(torch.minimum(below, above).clamp(0.0, 1.0))
    return torch.cat(out, 1)


def symmetric(grid):
    """Folds a grid [n, c, h, w] along its middle column: what is left or right does not tell a scene."""
    return (grid[:, :, :, :GRID // 2] + torch.flip(grid, [3])[:, :, :, :GRID // 2]) / 2


class Look(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("kernels", bank())

    def directions(self, grey):
        """The mean amplitude of each size and direction on a grid. A direction and its mirror are one."""
        mean = F.avg_pool2d(F.pad(grey, (8, 8, 8, 8), mode="replicate"), 17, 1)
        flat = grey - mean
        loud = torch.sqrt(F.avg_pool2d(F.pad(flat * flat, (8, 8, 8, 8), mode="replicate"), 17, 1)) + 0.08
        out = []
        for x in (flat / loud, grey * 4):
            for size in range(SIZES):
                at = x if size == 0 else F.avg_pool2d(x, 2 ** size)
                half = KERNEL // 2
                waves = F.conv2d(F.pad(at, (half, half, half, half), mode="replicate"), self.kernels)
                energy = torch.sqrt(waves[:, 0::2] ** 2 + waves[:, 1::2] ** 2 + 1e-8)
                cells = F.avg_pool2d(energy, SIDE // 2 ** size // GRID)
                mirrored = torch.cat([cells[:, :1], torch.flip(cells[:, 1:], [1])], 1)
                cells = (cells + torch.flip(mirrored, [3])) / 2
                out.append(torch.log(cells[:, :, :, :GRID // 2] + 0.02).flatten(1))
        return out

    def forward(self, x):
        """x [n, 3, SIDE, SIDE] in 0..1: the features [n, FEATURES]."""
        r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
        grey = 0.3 * r + 0.59 * g + 0.11 * b
        total = r + g + b + 0.3
        warm, green = (r - b) / total, (2 * g - r - b) / total
        most, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
        strength = (most - least) / (most + 0.1)
        out = self.directions(grey)
        planes = torch.cat([grey, warm * 2, green * 2, strength], 1)
        out.append(symmetric(F.avg_pool2d(planes, SIDE // GRID)).flatten(1))
        spread = torch.sqrt((F.avg_pool2d(planes * planes, SIDE // GRID)
                             - F.avg_pool2d(planes, SIDE // GRID) ** 2).clamp(min=0) + 1e-5)
        out.append(symmetric(spread).flatten(1))
        # Row by row: the whole width in bands, and how much changes from band to band.
        rows = planes.mean(3)
        bands = F.avg_pool1d(rows, SIDE // BANDS)
        out.append(bands.flatten(1))
        out.append((bands[:, :, 1:] - bands[:, :, :-1]).flatten(1))
        out.append((rows[:, :, 4:] - rows[:, :, :-4]).abs().amax(2))
        rough = torch.cat([(grey[:, :, :, 1:] - grey[:, :, :, :-1]).abs().mean(3),
                           F.pad((grey[:, :, 1:] - grey[:, :, :-1]).abs().mean(3), (0, 1))], 1)
        out.append(torch.log(F.avg_pool1d(rough, SIDE // BANDS) + 0.004).flatten(1))
        # Which colours, in the whole picture and in its parts.
        level = near(F.avg_pool2d(grey, 2), LEVELS)
        w, q = near(F.avg_pool2d(warm, 2), SHADES), near(F.avg_pool2d(green, 2), SHADES)
        both = (w.unsqueeze(2) * q.unsqueeze(1)).flatten(1, 2)
        lit = (level.unsqueeze(2) * torch.cat([w, q], 1).unsqueeze(1)).flatten(1, 2)
        side = SIDE // 2
        for top, bottom in PARTS:
            part = slice(int(top * side), int(bottom * side))
            out.append(torch.sqrt(torch.cat([both[:, :, part], lit[:, :, part]], 1).mean((2, 3)) + 1e-4) * 2)
        return torch.cat(out, 1)
