"""C, image generation: the person of A in the scene of B, as a picture of 512x512.

Three networks in one ONNX file:
1. a denoiser, which turns noise in STEPS steps into the picture's style theta, on condition of B's
   features, of where the person stands, and of who it is;
2. a decoder, which turns theta and the seed's noise fields (fields.py) into the scene. Its weights are a
   mixture over the scenes, chosen by B's features;
3. a relighting, which colours the person as the scene's light would.
Around them are only fixed operations: noise by integer arithmetic, placing, and blending over the matte.
"""

import json
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import people
import scene
import scenes
from common import export, file_bytes
from fields import CHANNELS, LATENT, THETA, Noise, fields, normal

SEED = 3
SIDE = 512
CROP_H, CROP_W = 384, 512
# In A's crop the face is a third of the height wide, its middle here.
FACE_X, FACE_Y, FACE = CROP_W / 2, 0.36 * CROP_H, CROP_H / 3
EMBEDDING = 128
STEPS = 8
WIDTH = 72
DEPTH = 4
KINDS = len(scenes.SCENES)
FEATURES = scene.FEATURES


def schedule():
    """How much of theta and how much noise there is at each of the steps, from noise to theta."""
    t = torch.linspace(1.0, 0.0, STEPS + 1)
    signal = torch.cos(t * math.pi / 2).clamp(0.02, 1.0)
    return signal, torch.sqrt(1 - signal * signal)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(THETA + FEATURES + 3, 160), nn.Linear(160, 160),
                                     nn.Linear(160, 160), nn.Linear(160, THETA)])

    def guess(self, x, signal, features, place):
        """The style that the noisy x [b, THETA] was made of."""
        s = signal.expand(x.shape[0], 1)
        h = torch.cat([x, s, torch.sqrt(1 - s * s), place, features], 1)
        for layer in self.layers[:-1]:
            h = F.silu(layer(h))
        return self.layers[-1](h)

    def forward(self, x, features, place):
        """STEPS deterministic steps (DDIM) from noise x [b, THETA]."""
        signal, noise = schedule()
        for i in range(STEPS):
            clean = self.guess(x, signal[i].view(1, 1), features, place)
            dirt = (x - signal[i] * clean) / noise[i]
            x = signal[i + 1] * clean + noise[i + 1] * dirt
        return x.clamp(-1, 1)


class Decoder(nn.Module):
    """A network of 1x1 convolutions whose weights are mixed per picture from one set per scene; theta
    scales and shifts what its layers see."""

    def __init__(self):
        super().__init__()
        sizes = [CHANNELS] + [WIDTH] * DEPTH + [3]
        self.weights = nn.ParameterList(
            nn.Parameter(torch.randn(KINDS, b, a) * math.sqrt(2.0 / a)) for a, b in zip(sizes, sizes[1:]))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(KINDS, b)) for b in sizes[1:])
        self.shifts = nn.ParameterList(nn.Parameter(torch.randn(KINDS, WIDTH, THETA) * 0.15) for _ in range(DEPTH))
        self.scales = nn.ParameterList(nn.Parameter(torch.randn(KINDS, WIDTH, THETA) * 0.05) for _ in range(DEPTH))

    def forward(self, values, theta, kind):
        """values [b, CHANNELS, n], theta [b, THETA], kind [b, KINDS] (weights of the mixture): [b, 3, n]."""
        def mixed(table):
            return (kind @ table.reshape(KINDS, -1)).reshape([-1] + list(table.shape[1:]))
        h = values
        for i in range(DEPTH + 1):
            h = torch.matmul(mixed(self.weights[i]), h) + mixed(self.biases[i]).unsqueeze(2)
            if i < DEPTH:
                t = theta.unsqueeze(2)
                shift = torch.matmul(mixed(self.shifts[i]), t)
                scale = torch.matmul(mixed(self.scales[i]), t)
                h = F.leaky_relu(h * (1 + scale) + shift, 0.1)
        return h * 0.25 + 0.5


class Relight(nn.Module):
    """Three gains, a side and a lift for the person, from the scene's style and the crop's own colours."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(THETA + KINDS + 6, 48)
        self.b = nn.Linear(48, 48)
        self.c = nn.Linear(48, 5)
        nn.init.zeros_(self.c.weight)
        nn.init.zeros_(self.c.bias)

    def forward(self, colour, matte, across, theta, kind):
        """colour [b, 3, h, w] in 0..1, matte [b, 1, h, w], across [w]: -1..1 over the face's width."""
        area = matte.mean((2, 3)) + 1e-4
        mean = (colour * matte).mean((2, 3)) / area
        spread = (torch.abs(colour - mean[:, :, None, None]) * matte).mean((2, 3)) / area
        h = F.silu(self.a(torch.cat([theta, kind, mean, spread], 1)))
        out = self.c(F.silu(self.b(h)))
        gain = torch.exp(0.35 * torch.tanh(out[:, :3]))[:, :, None, None]
        side = (0.30 * torch.tanh(out[:, 3]))[:, None, None, None]
        lift = (0.15 * torch.tanh(out[:, 4]))[:, None, None, None]
        lit = colour * gain * (1 + side * across.view(1, 1, 1, -1))
        return lit + lift * (0.5 - lit) * 0.5


def box(x, size):
    return F.avg_pool2d(F.pad(x, [size // 2] * 4, mode="replicate"), size, stride=1)


def count(hook, n):
    """0.5, 1.5, ... n - 0.5. They hang on an input (by nothing), so that they and all that is computed from
    them are made at run time and not kept in the file."""
    one = (hook[:1] * 0 + 1).to(torch.float32)
    return torch.cumsum(one.expand(n), 0) - 0.5


class Generate(nn.Module):
    def __init__(self, denoiser, decoder, relight):
        super().__init__()
        self.denoiser, self.decoder, self.relight = denoiser, decoder, relight
        # Who somebody is moves the start of the denoising: a fixed projection with orthonormal rows.
        random = torch.Generator().manual_seed(SEED)
        q, _ = torch.linalg.qr(torch.randn(EMBEDDING, THETA, generator=random))
        self.register_buffer("who", q * math.sqrt(EMBEDDING))

    def background(self, seed, theta, kind):
        at = count(seed, SIDE) / SIDE
        x = at.view(1, SIDE).expand(SIDE, SIDE)
        y = at.view(SIDE, 1).expand(SIDE, SIDE)
        xy = torch.stack([x.reshape(-1), y.reshape(-1)], 1).unsqueeze(0)
        c = self.decoder(fields(Noise(seed), xy, theta), theta, kind)
        return c.reshape(1, 3, SIDE, SIDE).clamp(0, 1)

    def person(self, crop, matte, place, theta, kind):
        """The person where she is to stand: colour [1, 3, S, S] and matte [1, 1, S, S]."""
        colour = crop.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 255.0
        m = matte.to(torch.float32).unsqueeze(0).unsqueeze(0) / 255.0
        # Where the matte is not full, the old background shines through; the colour comes from inside.
        core = m * m * m + 1e-4
        inner = box(colour * core, 13) / box(core, 13)
        inner = torch.where(box(core, 13) > 2e-3, inner, box(colour * core, 41) / box(core, 41))
        clean = colour + (inner - colour) * (1 - m * m)
        across = ((count(place, CROP_W) - FACE_X) / FACE).clamp(-1, 1)
        lit = self.relight(clean, m, across, theta, kind).clamp(0, 1)
        # As large as it takes for the crop's lower edge to reach the picture's.
        scale = ((1 - place[1]) * SIDE / (CROP_H - FACE_Y)).clamp(min=0.8)
        at = count(place, SIDE)
        u = ((at - place[0] * SIDE) / scale + FACE_X) / CROP_W * 2 - 1
        v = ((at - place[1] * SIDE) / scale + FACE_Y) / CROP_H * 2 - 1
        grid = torch.stack([u.view(1, SIDE).expand(SIDE, SIDE), v.view(SIDE, 1).expand(SIDE, SIDE)], 2).unsqueeze(0)
        both = torch.cat([lit, m], 1)
        warped = F.grid_sample(both, grid, mode="bilinear", padding_mode="border", align_corners=False)
        # Left, right and above the crop nobody stands; below its edge the person goes on.
        outside = ((torch.abs(u) < 1).view(1, 1, 1, SIDE) & (v > -1).view(1, 1, SIDE, 1)).to(torch.float32)
        return warped[:, :3], warped[:, 3:] * outside

    def forward(self, crop, matte, embedding, features, position, seed):
        place = torch.cat([position[:1].clamp(0.2, 0.8), position[1:].clamp(0.28, 0.75)])
        f = features.unsqueeze(0)
        kind = f[:, :KINDS]
        e = embedding.unsqueeze(0)
        e = e / torch.sqrt((e * e).sum(1, keepdim=True) + 1e-6)
        noise = math.sqrt(0.75) * normal(seed, LATENT, THETA) + math.sqrt(0.25) * (e @ self.who)
        theta = self.denoiser(noise, f, place[:1].unsqueeze(0))
        scenery = self.background(seed, theta, kind)
        # The lens is on the person: what is behind is a little out of focus.
        scenery = box(scenery, 3)
        colour, m = self.person(crop, matte, place, theta, kind)
        # Light of the scene that reaches around the edge.
        around = box(box(scenery, 31), 31)
        rim = (1 - box(m, 15)) * m
        colour = colour + (around - colour) * rim * 0.55
        picture = scenery + (colour - scenery) * m
        y = torch.round(picture.clamp(0, 1) * 255).to(torch.uint8)
        return y.squeeze(0).permute(1, 2, 0)


# The scenes with the finest structure, which the second part of the training is about.
FINE = [scenes.SCENES.index(s) for s in ("mountains", "city", "desert", "meadow")]


def decode_loss(decoder, noise, random, points, kinds):
    """One step's loss: each kind of scene at random points, in pairs of neighbours whose difference counts
    too, so that edges get sharp."""
    thetas = torch.cat([scenes.style(k, 1, random) for k in kinds])
    half = points // 2
    first = torch.rand(len(kinds), half, 2, generator=random)
    step = torch.where(torch.rand(len(kinds), half, 1, generator=random) < 0.5,
                       torch.tensor([1.5 / SIDE, 0.0]), torch.tensor([0.0, 1.5 / SIDE]))
    xy = torch.cat([first, (first + step).clamp(0, 1)], 1)
    values = fields(noise, xy, thetas)
    with torch.no_grad():
        truth = torch.cat([scenes.DRAWERS[k](scenes.Point(values[i:i + 1], thetas[i:i + 1]))
                           for i, k in enumerate(kinds)])
        truth = truth.clamp(0, 1)
    guess = decoder(values, thetas, torch.eye(KINDS)[kinds])
    edges = F.l1_loss(guess[..., half:] - guess[..., :half], truth[..., half:] - truth[..., :half])
    return F.l1_loss(guess, truth) + 1.0 * edges, F.l1_loss(guess.clamp(0, 1), truth).item()


def train_decoder(decoder, minutes, kinds, rate, seed):
    random = torch.Generator().manual_seed(seed)
    kept = [Noise(torch.arange(len(kinds)) + KINDS * i + 1000 * seed, keep=True) for i in range(16)]
    points = 3072 * KINDS // len(kinds)
    best = torch.optim.Adam(decoder.parameters(), lr=rate, betas=(0.9, 0.98))
    start, step, mean = time.time(), 0, 0.3
    while True:
        done = (time.time() - start) / (60.0 * minutes)
        if done >= 1:
            break
        for group in best.param_groups:
            group["lr"] = min(1.0, (step + 1) / 200) * (2e-5 + rate * 0.5 * (1 + math.cos(math.pi * done)))
        loss, l1 = decode_loss(decoder, kept[step % len(kept)], random, points, kinds)
        best.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        best.step()
        step += 1
        mean += 0.01 * (l1 - mean)
        if step % 200 == 0:
            print("generate: decoder step %d, %.0f %%, l1 %.4f" % (step, 100 * done, mean), flush=True)
    return step, mean


def features_of(net, count, seed):
    """What B says of drawn scenes with persons: features [n, FEATURES], kinds [n], glow [n, 2]."""
    pictures, kinds, glow = scene.drawn(count, seed)
    random = np.random.default_rng(seed)
    cuts = scene.cut_outs(24, seed)
    out = []
    for picture in pictures:
        one = scene.put(picture.astype(np.float32) / 255, cuts[random.integers(len(cuts))], random)
        with torch.no_grad():
            out.append(net(torch.from_numpy((one * 255).astype(np.uint8)))[3])
    return torch.stack(out), torch.from_numpy(kinds), torch.from_numpy(glow)


def train_denoiser(denoiser, net, minutes):
    random = torch.Generator().manual_seed(SEED + 1)
    features, kinds, glow = features_of(net, 60, 31)
    # The generator must obey B's answer, so the style is that of the scene B named.
    named = features[:, :KINDS].argmax(1)
    print("generate: B names %.3f of the drawn scenes rightly" % (named == kinds).float().mean().item(), flush=True)
    best = torch.optim.Adam(denoiser.parameters(), lr=2e-3)
    start, step, mean = time.time(), 0, 1.0
    # Styles beforehand: many per picture, each for another place of the person.
    each = 40
    rows = []
    for i in range(len(features)):
        place = torch.rand(each, generator=random) * 0.6 + 0.2
        theta = scenes.style(int(named[i]), each, random, place,
                             (glow[i] + 0.08 * torch.randn(each, 2, generator=random)).clamp(-1, 1))
        rows.append((theta, place))
    thetas = torch.stack([r[0] for r in rows])
    places = torch.stack([r[1] for r in rows])
    while True:
        done = (time.time() - start) / (60.0 * minutes)
        if done >= 1:
            break
        for group in best.param_groups:
            group["lr"] = 1e-5 + 2e-3 * 0.5 * (1 + math.cos(math.pi * done))
        i = torch.randint(len(features), (512,), generator=random)
        j = torch.randint(each, (512,), generator=random)
        clean, place = thetas[i, j], places[i, j].unsqueeze(1)
        signal = torch.cos(torch.rand(512, 1, generator=random) * math.pi / 2).clamp(0.02, 1.0)
        noise = torch.randn(clean.shape, generator=random)
        x = signal * clean + torch.sqrt(1 - signal * signal) * noise
        loss = F.mse_loss(denoiser.guess(x, signal, features[i], place), clean)
        best.zero_grad()
        loss.backward()
        best.step()
        step += 1
        mean += 0.01 * (loss.item() - mean)
    print("generate: denoiser %d steps, loss %.4f" % (step, mean), flush=True)
    return step


def train_relight(relight, minutes):
    """Drawn persons under a neutral light, and the same under the scene's."""
    random = np.random.default_rng(SEED + 2)
    dice = torch.Generator().manual_seed(SEED + 2)
    h, w = CROP_H // 4, CROP_W // 4
    rows = []
    begin = time.time()
    for _ in range(160):
        who = people.person(random)
        kind = int(random.integers(KINDS))
        theta = scenes.style(kind, 1, dice)
        tint, ambient, side = scenes.lamp(kind, theta[0])
        place = (h, w, FACE_X / 4, FACE_Y / 4, FACE / 4)
        before, alpha = people.draw(who, *place, side=random.uniform(-0.3, 0.3), ambient=random.uniform(0.55, 0.7), sharp=1)
        after, _ = people.draw(who, *place, side=side, tint=tint, ambient=ambient, sharp=1)
        rows.append((before, after, alpha, theta[0], F.one_hot(torch.tensor(kind), KINDS).float()))
    before, after = (torch.from_numpy(np.stack([r[i] for r in rows])).permute(0, 3, 1, 2) for i in (0, 1))
    alpha = torch.from_numpy(np.stack([r[2] for r in rows])).unsqueeze(1)
    theta, kind = torch.stack([r[3] for r in rows]), torch.stack([r[4] for r in rows])
    across = ((torch.arange(w) + 0.5 - FACE_X / 4) / (FACE / 4)).clamp(-1, 1)
    best = torch.optim.Adam(relight.parameters(), lr=2e-3)
    start, step, mean = time.time(), 0, 0.05
    while time.time() - start < 60.0 * minutes:
        i = torch.randint(len(rows), (16,), generator=dice)
        gain = 1 + 0.10 * torch.randn(16, 3, 1, 1, generator=dice)
        lit = relight((before[i] * gain).clamp(0, 1), alpha[i], across, theta[i], kind[i])
        loss = (torch.abs(lit - after[i] * gain) * alpha[i]).mean() / alpha[i].mean()
        best.zero_grad()
        loss.backward()
        best.step()
        step += 1
        mean += 0.02 * (loss.item() - mean)
    base = (torch.abs(before - after) * alpha).mean() / alpha.mean()
    print("generate: relight %d steps, l1 %.4f (untouched %.4f), %.1f minutes" % (
        step, mean, base.item(), (time.time() - begin) / 60), flush=True)
    return mean, base.item()


def held_out(decoder):
    """How close the decoder comes to the drawn scenes on seeds and styles it never saw: PSNR per scene."""
    random = torch.Generator().manual_seed(99)
    out = {}
    points = scenes.grid(256)
    for k, name in enumerate(scenes.SCENES):
        errors = []
        for i in range(4):
            theta = scenes.style(k, 1, random)
            values = fields(Noise(torch.tensor([500000 + 17 * i + k])), points, theta)
            truth = scenes.DRAWERS[k](scenes.Point(values, theta)).clamp(0, 1)
            with torch.no_grad():
                guess = decoder(values, theta, torch.eye(KINDS)[k:k + 1]).clamp(0, 1)
            errors.append(F.mse_loss(guess, truth).item())
        out[name] = round(-10 * math.log10(float(np.mean(errors))), 2)
    return out


def train(out, minutes):
    torch.manual_seed(SEED)
    start = time.time()
    decoder, denoiser, relight = Decoder(), Denoiser(), Relight()
    steps, l1 = train_decoder(decoder, 0.7 * minutes, list(range(KINDS)), 3e-3, SEED)
    torch.save(decoder.state_dict(), os.path.join(out, "generate-decoder.pt"))
    more(out, decoder, 0.3 * minutes)
    finish(out, decoder, denoiser, relight, {"decoder_steps": steps, "decoder_l1": l1}, start)


def more(out, decoder, minutes):
    train_decoder(decoder, minutes, FINE, 2e-3, SEED + 4)
    torch.save(decoder.state_dict(), os.path.join(out, "generate-decoder.pt"))


def finish(out, decoder, denoiser, relight, quality, start):
    net = scene.Scene()
    net.load_state_dict(torch.load(os.path.join(out, "scene.pt")))
    net.eval()
    train_denoiser(denoiser, net, 1.5)
    quality["relight_l1"], quality["untouched_l1"] = train_relight(relight, 1.0)
    torch.save({"denoiser": denoiser.state_dict(), "relight": relight.state_dict()}, os.path.join(out, "generate-rest.pt"))
    quality["decoder_psnr"] = held_out(decoder)
    whole = Generate(denoiser, decoder, relight).eval()
    write(out, whole)
    quality.update(minutes=(time.time() - start) / 60, seed=SEED, bytes=file_bytes(os.path.join(out, "generate.onnx")))
    print("generate:", json.dumps(quality), flush=True)


def write(out, whole):
    inputs = (torch.zeros(CROP_H, CROP_W, 3, dtype=torch.uint8), torch.zeros(CROP_H, CROP_W, dtype=torch.uint8),
              torch.ones(EMBEDDING), torch.zeros(FEATURES), torch.tensor([0.42, 0.47]), torch.tensor([1]))
    export(whole, inputs, os.path.join(out, "generate.onnx"),
           ["crop", "matte", "embedding", "features", "position", "seed"], ["image"])


if __name__ == "__main__":
    # Goes on with the decoder that is there: generate.py OUT MINUTES (0: everything but the decoder again).
    import sys
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    old = Decoder()
    old.load_state_dict(torch.load(os.path.join(sys.argv[1], "generate-decoder.pt")))
    begin = time.time()
    if float(sys.argv[2]) > 0:
        more(sys.argv[1], old, float(sys.argv[2]))
    finish(sys.argv[1], old, Denoiser(), Relight(), {}, begin)
