"""Which small patches a picture is made of, and how high up: features that are learned without labels.

Patches of photographs, whitened, are sorted into directions by spherical k-means; a picture's features are how
much of each direction there is in its upper, middle and lower third, at two sizes, its mirror's included. All is a
convolution and sums, so that the same module serves the training and, exported, the network.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from look import SIDE

COUNT = 160
PATCH = 6
SIZES = (2, 4)
LEAST = 0.5
ROUNDS = 12
EACH = 14


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        for size in SIZES:
            self.register_buffer("directions%d" % size, torch.zeros(COUNT, 3, PATCH, PATCH))
            self.register_buffer("middle%d" % size, torch.zeros(COUNT))

    def learn(self, pictures, random):
        """From pictures [n, 3, side, side] in 0..1."""
        for size in SIZES:
            small = F.avg_pool2d(pictures, size)
            count, _, high, wide = small.shape
            found = []
            for _ in range(EACH):
                y, x = random.integers(high - PATCH + 1, size=count), random.integers(wide - PATCH + 1, size=count)
                found += [small[i, :, y[i]:y[i] + PATCH, x[i]:x[i] + PATCH] for i in range(count)]
            found = torch.stack(found)
            found = torch.cat([found, found.flip(3)]).flatten(1)
            found = (found - found.mean(1, keepdim=True)) / torch.sqrt(found.var(1, keepdim=True) + 0.002)
            middle = found.mean(0)
            power, turn = torch.linalg.eigh((found - middle).T @ (found - middle) / len(found))
            white = turn @ torch.diag(1 / torch.sqrt(power.clamp(min=0) + 0.1)) @ turn.T
            found = (found - middle) @ white
            to = torch.tensor(random.normal(size=(COUNT, found.shape[1]))).float()
            to = to / to.norm(dim=1, keepdim=True)
            for _ in range(ROUNDS):
                most, which = (found @ to.T).max(1)
                to = torch.zeros_like(to).index_add_(0, which, found * most[:, None]) + 1e-3 * to
                to = to / to.norm(dim=1, keepdim=True)
            filters = white @ to.T
            getattr(self, "directions%d" % size).copy_(filters.T.reshape(COUNT, 3, PATCH, PATCH))
            getattr(self, "middle%d" % size).copy_(middle @ filters)

    def one_way(self, x):
        out = []
        for size in SIZES:
            small, to = F.avg_pool2d(x, size), getattr(self, "directions%d" % size)
            mean = F.avg_pool2d(small.mean(1, keepdim=True), PATCH, 1)
            square = F.avg_pool2d((small * small).mean(1, keepdim=True), PATCH, 1)
            spread = torch.sqrt((square - mean * mean).clamp(min=0) + 0.002)
            sums = to.sum((1, 2, 3)).view(1, -1, 1, 1)
            much = (F.conv2d(small, to) - mean * sums) / spread - getattr(self, "middle%d" % size).view(1, -1, 1, 1)
            much = F.relu(much - LEAST)
            third = (SIDE // size - PATCH + 1) // 3
            for part in (slice(0, third), slice(third, 2 * third), slice(2 * third, None)):
                out.append(torch.sqrt(much[:, :, part].mean((2, 3)) + 1e-3))
        return torch.cat(out, 1)

    def forward(self, x):
        """x [n, 3, SIDE, SIDE] in 0..1: the features [n, 3 * COUNT * len(SIZES)]."""
        return (self.one_way(x) + self.one_way(torch.flip(x, [3]))) / 2
