"""B, scene recognition: the network that knows drawn scenes, and the features for the generator. judge.py adds what
knows photographs better.

A small convolutional network looks at the whole picture at 96x96. It learns from drawn scenes with drawn
persons in front (scenes.py, people.py), changed in colour, sharpness and framing, and from crops of
photographs (photos.py).
"""

import json
import math
import os
import time

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import people
import photos
import scenes
from common import export, file_bytes

SEED = 2
SIDE = 96
DRAWN = 192
EACH = 700
BATCH = 64
FEATURES = 32
KINDS = len(scenes.SCENES)

# The one photograph of a person that is trained on, and where the face is in it.
HOPPER = "/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg"
HOPPER_FACE = (265, 216, 228)

# Under this confidence the answer is "unknown".
SURE = 0.42

DESCRIPTIONS = {
    "beach": "a beach: sand, surf and the sea up to the horizon",
    "forest": "a forest: trunks, leaves above and moss below",
    "mountains": "mountains: rocky peaks with snow over a valley",
    "city": "a city at night: lit windows and their reflections",
    "desert": "a desert: dunes, table mountains and a clear sky",
    "studio": "a studio or a room: a portrait before a backdrop",
    "meadow": "a meadow: grass and flowers under an open sky",
    "unknown": "no scene that this model knows",
}
LIGHTS = ["in the light of the day", "in warm, low light", "in cool or dim light"]

# package, how the path ends, scene, held out
LABELS = [
    ("plasma-workspace-wallpapers", "Shell/contents/images/5120x2880.jpg", "beach", False),
    ("tuxpaint-data", "ocean_waves.jpg", "beach", True),
    ("tuxpaint-data", "ocean_splash.jpg", "beach", False),
    ("mate-backgrounds", "Dune.jpg", "beach", False),
    ("plasma-workspace-wallpapers", "Path/contents/images/2560x1600.jpg", "forest", False),
    ("tuxpaint-data", "redwoods_above.jpg", "forest", False),
    ("tuxpaint-data", "trees_above.jpg", "forest", True),
    ("tuxpaint-data", "mossy_log.jpg", "forest", False),
    ("lomiri-wallpapers-16.04", "life_by_Aitzol_Berasategi.jpg", "forest", True),
    ("lomiri-wallpapers-16.04", "aitzgorri_by_Aitzol_Berasategi.jpg", "mountains", True),
    ("lomiri-wallpapers-16.04", "picosdeeuropa_by_Aitzol_Berasategi.jpg", "mountains", False),
    ("tuxpaint-data", "cliff.jpg", "mountains", False),
    ("plasma-workspace-wallpapers", "Altai/contents/images/5120x2880.png", "mountains", False),
    ("tuxpaint-data", "skyline-sf-dusk-back.jpeg", "city", False),
    ("tuxpaint-data", "sheep.jpg", "meadow", True),
    ("mate-backgrounds", "GreenMeadow.jpg", "meadow", False),
    ("lomiri-wallpapers-16.04", "seeding_by_Clements_Engelhardt.jpg", "meadow", False),
    ("stellarium-data", "guereins1.png", "meadow", False),
    ("stellarium-data", "guereins2.png", "meadow", False),
    ("stellarium-data", "guereins4.png", "meadow", False),
    ("stellarium-data", "guereins5.png", "meadow", False),
    ("stellarium-data", "guereins6.png", "meadow", False),
    ("stellarium-data", "guereins8.png", "meadow", True),
    ("stellarium-data", "garching-gl1.png", "meadow", False),
    ("stellarium-data", "mars.png", "desert", False),
    ("stellarium-data", "hurricane1.png", "forest", False),
    ("stellarium-data", "hurricane8.png", "forest", False),
    ("mate-backgrounds", "YellowFlower.jpg", "unknown", True),
    ("mate-backgrounds", "FreshFlower.jpg", "unknown", False),
    ("mate-backgrounds", "Garden.jpg", "unknown", False),
    ("mate-backgrounds", "Aqua.jpg", "unknown", False),
    ("mate-backgrounds", "Elephants.jpg", "unknown", False),
    ("mate-backgrounds", "Blinds.jpg", "unknown", False),
    ("mate-backgrounds", "Wood.jpg", "unknown", False),
    ("mate-backgrounds", "LadyBird.jpg", "unknown", False),
    ("mate-backgrounds", "TwoWings.jpg", "unknown", True),
    ("lomiri-wallpapers-16.04", "Picture_0B_by_freespace.jpg", "unknown", False),
    ("lomiri-wallpapers-16.04", "Picture_1A_by_freespace.jpg", "unknown", False),
    ("lomiri-wallpapers-16.04", "greentock_by_Peter_Nerlich.jpg", "unknown", True),
    ("lomiri-wallpapers-16.04", "analogpattern_by_Peter_Nerlich.jpg", "unknown", False),
    ("lomiri-wallpapers-16.04", "umang_by_Abhishek_Mudgal.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "Canopee/contents/images/3840x2160.png", "unknown", False),
    ("plasma-workspace-wallpapers", "Cascade/contents/images/3840x2160.png", "unknown", False),
    ("plasma-workspace-wallpapers", "Cluster/contents/images/3840x2160.png", "unknown", True),
    ("plasma-workspace-wallpapers", "ColorfulCups/contents/images/2560x1600.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "Flow/contents/images/5120x2880.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "Grey/contents/images/2560x1600.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "Honeywave/contents/images/5120x2880.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "Kay/contents/images/5120x2880.png", "unknown", False),
    ("plasma-workspace-wallpapers", "Kokkini/contents/images/3840x2160.png", "unknown", False),
    ("plasma-workspace-wallpapers", "Opal/contents/images/3840x2160.png", "unknown", False),
    ("plasma-workspace-wallpapers", "FallenLeaf/contents/images/2560x1600.jpg", "unknown", False),
    ("plasma-workspace-wallpapers", "OneStandsOut/contents/images/2560x1600.jpg", "unknown", False),
    ("tuxpaint-data", "rocks.jpg", "unknown", False),
    ("tuxpaint-data", "wool_mill_machine.jpg", "unknown", False),
    ("tuxpaint-data", "burnt_bark.jpg", "unknown", False),
    ("tuxpaint-data", "reef-back.png", "unknown", False),
    ("ukui-wallpapers", "calla.png", "unknown", False),
    ("ukui-wallpapers", "rhythm.jpg", "unknown", False),
    ("ukui-wallpapers", "fluent-color.png", "unknown", False),
    ("ukui-wallpapers", "string.jpg", "unknown", True),
    ("ukui-wallpapers", "goldfish.png", "unknown", False),
    ("gnome-backgrounds", "grid-l.webp", "unknown", False),
    ("gnome-backgrounds", "licorice-l.webp", "unknown", False),
    ("gnome-backgrounds", "truchet-l.webp", "unknown", True),
]


class Scene(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [3, 24, 40, 64, 88]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1)
                                   for a, b in zip(widths, widths[1:]))
        self.more = nn.ModuleList(nn.Conv2d(b, b, 3, padding=1) for b in widths[2:])
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in widths[1:])
        self.pool = nn.Linear(88 * 3, 96)
        self.embed = nn.Linear(96, FEATURES - KINDS - 2)
        self.kind = nn.Linear(FEATURES - KINDS - 2, KINDS)
        self.light = nn.Linear(96, 2)

    def look(self, x):
        """x [n, 3, 96, 96] in 0..1: logits, light and the inner features."""
        h = x * 2 - 1
        for i, conv in enumerate(self.convs):
            h = F.relu(self.norms[i](conv(h)))
            if i > 0:
                h = h + F.relu(self.more[i - 1](h))
        top, bottom = h[:, :, :3].mean((2, 3)), h[:, :, 3:].mean((2, 3))
        h = torch.cat([h.amax((2, 3)), top, bottom], 1)
        h = F.relu(self.pool(F.dropout(h, 0.2, self.training)))
        inner = torch.tanh(self.embed(h))
        return self.kind(inner) * 2.0, torch.tanh(self.light(h)), inner

    def forward(self, image):
        x = image.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 255.0
        x = F.interpolate(x, size=(4 * SIDE, 4 * SIDE), mode="bilinear", align_corners=False)
        logits, light, inner = self.look(F.avg_pool2d(x, 4))
        confidence, kind = torch.max(torch.softmax(logits, 1), 1)
        kind = torch.where(confidence >= SURE, kind, torch.full_like(kind, KINDS - 1))
        return answer(kind, confidence, light, inner)


def answer(kind, confidence, light, inner):
    """What B puts out: the number of the scene, of the description, the confidence and the features."""
    warm = (light[:, 0] > 0.25).to(torch.int64)
    dim = (light[:, 1] < -0.3).to(torch.int64) * (1 - warm)
    text = kind * len(LIGHTS) + warm + 2 * dim
    # One-hot, not the odds: the generator is to draw one scene, not a mixture of two.
    chosen = F.one_hot(kind, KINDS).to(torch.float32)
    return kind, text, confidence, torch.cat([chosen, light, inner], 1).squeeze(0)


def backdrop(random, side):
    """A studio or a room as backdrop: stripes, shelves, panels, drapes, plain walls."""
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32) / side
    dark = random.uniform(0.05, 0.9, 3).astype(np.float32)
    bright = np.clip(dark + random.uniform(-0.5, 0.6, 3), 0, 1).astype(np.float32)
    what = random.integers(5)
    turn = random.uniform(-0.5, 0.5)
    a = xx * np.cos(turn) + yy * np.sin(turn)
    if what == 0:      # a flag or striped cloth
        v = np.sin(random.uniform(15, 45) * (a + 0.03 * np.sin(yy * random.uniform(5, 15))))
    elif what == 1:    # shelves of books
        n = int(random.integers(10, 30))
        v = random.uniform(-1, 1, (8, n)).repeat(side // 8 + 1, 0)[:side].repeat(side // n + 1, 1)[:, :side]
    elif what == 2:    # panels and a window
        v = np.where(((xx * random.integers(2, 5)) % 1 < 0.08) | ((yy * random.integers(1, 4)) % 1 < 0.08), -1.0, 0.4)
    elif what == 3:    # a wall with a soft light
        v = 2 * np.exp(-((xx - random.uniform(0, 1)) ** 2 + (yy - random.uniform(0, 0.8)) ** 2) / random.uniform(0.05, 0.5)) - 1
    else:              # drapes
        v = np.sin(random.uniform(20, 60) * xx + 3 * np.sin(xx * 9 + random.uniform(0, 6)))
    picture = dark + (bright - dark) * (v[..., None] * 0.5 + 0.5)
    if random.random() < 0.5:   # two halves of a room: another colour on one side
        split = soft_step((xx - random.uniform(0.25, 0.75)) * np.sign(random.normal()) * 40)[..., None]
        picture = picture * (1 - split) + random.uniform(0, 0.9, 3) * split
    return np.clip(picture, 0, 1)


def soft_step(v):
    return 1 / (1 + np.exp(-np.clip(v, -30, 30)))


def texture(random, side):
    """Pictures of nothing: noise, checks, text-like lines, plain colours."""
    what = random.integers(5)
    a, b = random.uniform(0, 1, (2, 3))
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32) / side
    if what == 0:
        n = int(random.integers(3, 97))
        return np.clip(np.asarray(Image.fromarray((random.uniform(0, 1, (n, n, 3)) * 255).astype(np.uint8))
                                  .resize((side, side), Image.BICUBIC)) / 255.0, 0, 1)
    if what == 1:
        n = random.integers(2, 20)
        v = ((np.floor(xx * n) + np.floor(yy * n)) % 2)
    elif what == 2:
        v = (random.uniform(0, 1, (side // 8, side // 4)).repeat(8, 0).repeat(4, 1)[:side, :side] > 0.4) \
            * ((yy * side // 8).astype(int) % 2)
        v = v[:side, :side]
        a, b = np.ones(3) * 0.97, np.ones(3) * 0.1
    elif what == 3:
        v = xx * random.uniform(-1, 1) + yy * random.uniform(-1, 1) + 0.5
    else:
        n = random.uniform(5, 60)
        v = 0.5 + 0.5 * np.sin(n * np.hypot(xx - random.uniform(0, 1), yy - random.uniform(0, 1)))
    v = np.broadcast_to(v, (side, side))[..., None]
    return np.clip(a + (b - a) * v, 0, 1)


def anything(unknown, random):
    """A photograph of no scene, or a blurred part of one."""
    one = vary(unknown[random.integers(len(unknown))], random, 0.7)
    if random.random() < 0.4:
        n = int(random.integers(4, 24))
        small = Image.fromarray((one * 255).astype(np.uint8)).resize((n, n), Image.BOX)
        one = np.asarray(small.resize((SIDE, SIDE), Image.BICUBIC), np.float32) / 255
    return one


def real():
    """The labelled photographs: (picture, kind, held out)."""
    out = []
    out_random = np.random.default_rng(SEED)
    for package, end, name, held in LABELS:
        found = [p for p in photos.find(package, smallest=0) if p.endswith("/" + end)]
        if not found:
            raise SystemExit("%s has no %s" % (package, end))
        # Some landscapes have no sky of their own: each gets a few.
        for picture in photos.load_before_skies(package, found[0], 640, 1 if held else 3, out_random):
            out.append((picture, scenes.SCENES.index(name), held))
    folder = "/usr/lib/python3/dist-packages/skimage/data/"
    for path, name, held in ((folder + "astronaut.png", "studio", True), (folder + "coffee.png", "unknown", True),
                             (HOPPER, "studio", False)):
        out.append((np.asarray(Image.open(path).convert("RGB")), scenes.SCENES.index(name), held))
    return out


def drawn(count, seed):
    """Drawn scenes without persons: UINT8 [kinds * count, 192, 192, 3], kinds, light."""
    random = torch.Generator().manual_seed(seed)
    pictures, kinds, light = [], [], []
    points = scenes.grid(DRAWN)
    for kind in range(KINDS):
        for at in range(0, count, 4):
            theta = scenes.style(kind, 4, random)
            seeds = torch.arange(4) + seed * 1000003 + kind * 10007 + at
            with torch.no_grad():
                c = scenes.draw(kind, seeds, points.expand(4, -1, -1), theta)
            c = (c * 255 + 0.5).to(torch.uint8).reshape(4, 3, DRAWN, DRAWN).permute(0, 2, 3, 1)
            pictures.append(c.numpy())
            kinds += [kind] * 4
            light.append(theta[:, :2].numpy())
    return np.concatenate(pictures), np.array(kinds), np.concatenate(light)


def cut_outs(count, seed):
    """Drawn persons to stand before the scenes: (colour, alpha) with the face 60 pixels wide."""
    random = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        tint = random.uniform(0.75, 1.1, 3)
        out.append(people.draw(people.person(random), 200, 190, 95, 75, 60, side=random.uniform(-1, 1), tint=tint,
                               ambient=random.uniform(0.4, 0.8), sharp=1))
    return out


def real_cut_out():
    """The person of that photograph, by a shape and not exactly: (colour, alpha) framed as cut_outs does."""
    image = Image.open(HOPPER).convert("RGB")
    x, y, face = HOPPER_FACE
    left, top, scale = x - 95 * face / 60, y - 75 * face / 60, face / 60
    colour = np.asarray(image.transform((190, 200), Image.AFFINE, (scale, 0, left, 0, scale, top), Image.BILINEAR),
                        np.float32) / 255
    v, u = (np.mgrid[0:200, 0:190].astype(np.float32) - np.array([75, 95]).reshape(2, 1, 1)) / 60
    head = 1 - np.hypot(u / 0.46, (v + 0.08) / 0.72)
    shoulders = np.minimum(v - 0.58 - 0.25 * np.abs(u), 1.02 - np.abs(u))
    return colour, np.clip(np.maximum(head, shoulders) * 15 + 0.5, 0, 1).astype(np.float32)


def put(picture, cut, random, smallest=0.14, largest=0.42):
    """Puts a person into a picture of FP32 0..1, her feet below its lower edge."""
    side = picture.shape[0]
    colour, alpha = cut
    face = random.uniform(smallest, largest) * side
    scale = face / 60
    w, h = int(190 * scale), int(200 * scale)
    c = np.asarray(Image.fromarray((colour * 255).astype(np.uint8)).resize((w, h), Image.BILINEAR)) / 255.0
    a = np.asarray(Image.fromarray((alpha * 255).astype(np.uint8)).resize((w, h), Image.BILINEAR)) / 255.0
    if random.random() < 0.5:
        c, a = c[:, ::-1], a[:, ::-1]
    left = int(random.uniform(0.25, 0.75) * side - w / 2)
    top = int(min(max(side - h, 0.02 * side), random.uniform(0.30, 0.6) * side - 75 * scale))
    y0, y1, x0, x1 = max(0, top), min(side, top + h), max(0, left), min(side, left + w)
    if y1 <= y0 or x1 <= x0:
        return picture
    c, a = c[y0 - top:y1 - top, x0 - left:x1 - left], a[y0 - top:y1 - top, x0 - left:x1 - left, None]
    out = picture.copy()
    out[y0:y1, x0:x1] = out[y0:y1, x0:x1] * (1 - a) + c * a
    if y1 < side:
        out[y1:, x0:x1] = out[y1:, x0:x1] * (1 - a[-1:]) + c[-1:] * a[-1:]
    return out


def vary(picture, random, zoom, side=SIDE):
    """Another framing, colour, sharpness: UINT8 in, FP32 [side, side, 3] out."""
    h, w = picture.shape[:2]
    part = random.uniform(1 - zoom, 1)
    ch, cw = max(8, int(h * part)), max(8, int(w * part * random.uniform(0.8, 1)))
    y, x = int(random.integers(h - ch + 1)), int(random.integers(w - cw + 1))
    image = Image.fromarray(picture[y:y + ch, x:x + cw])
    if random.random() < 0.2:
        image = image.resize([int(random.integers(40, 90))] * 2, Image.BILINEAR)
    return np.asarray(image.resize((side, side), Image.BOX if min(image.size) > side else Image.BILINEAR),
                      np.float32) / 255


def tone(x, random, strong):
    if random.random() < 0.5:
        x = x[:, ::-1]
    gain = random.uniform(1 - 0.22 * strong, 1 + 0.18 * strong) * random.uniform(1 - 0.08 * strong, 1 + 0.08 * strong, 3)
    x = np.clip(x * gain, 0, 1) ** random.uniform(1 - 0.25 * strong, 1 + 0.3 * strong)
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * random.uniform(1 - 0.4 * strong, 1 + 0.2 * strong)
    return np.clip(x + random.normal(0, 0.02 * random.random(), x.shape), 0, 1)


def held_photographs(net, pictures):
    right, rows = 0, []
    for picture, kind, held in pictures:
        if not held:
            continue
        with torch.no_grad():
            got, _, sure, _ = net(torch.from_numpy(picture.copy()))
        rows.append("%s>%s %.2f" % (scenes.SCENES[kind], scenes.SCENES[int(got)], float(sure)))
        right += int(got) == kind
    return right, rows


def train(out, minutes, net=None, each=EACH, rate=2e-3):
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    start = time.time()
    pictures, kinds, light = drawn(each, 1 if net is None else 2)
    test, test_kinds, _ = drawn(60, 900)
    cuts = cut_outs(240, 5)
    held_cuts = cut_outs(30, 77)
    cuts += [real_cut_out()] * (len(cuts) // 3)
    photographs = real()
    by_kind = {}
    for picture, kind, held in photographs:
        if not held:
            by_kind.setdefault(kind, []).append(picture)
    print("scene: %d drawn, %d photographs, %.1f minutes to draw" % (
        len(pictures), len(photographs), (time.time() - start) / 60), flush=True)
    net = net or Scene()
    best = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3)
    studio, none = scenes.SCENES.index("studio"), KINDS - 1
    step, mean = 0, 0.0
    begin = time.time()
    while True:
        done = (time.time() - begin) / (60.0 * minutes - (begin - start))
        if done >= 1:
            break
        for group in best.param_groups:
            group["lr"] = 1e-5 + rate * 0.5 * (1 + math.cos(math.pi * done))
        x = np.empty((BATCH, SIDE, SIDE, 3), np.float32)
        k = np.empty(BATCH, np.int64)
        l = np.zeros((BATCH, 2), np.float32)
        known = np.zeros(BATCH, np.float32)
        for i in range(BATCH):
            kind = i % KINDS
            r = random.random()
            strong, person = 1.0, 0.7
            if kind == studio and r < 0.12:
                one, person = vary(by_kind[studio][0], random, 0.35), 0.0
            elif kind == studio and r < 0.75:
                # A portrait is one before whatever backdrop, as long as that shows none of the scenes.
                person = 1.0
                one = anything(by_kind[none], random) if r < 0.34 else backdrop(random, SIDE).astype(np.float32)
            elif kind == none and r < 0.6:
                person = 0.0
                one = anything(by_kind[none], random) if r < 0.5 else texture(random, SIDE).astype(np.float32)
            elif kind in by_kind and kind != none and r < 0.5:
                one = vary(by_kind[kind][random.integers(len(by_kind[kind]))], random, 0.5)
            else:
                at = kind * each + int(random.integers(each))
                one = vary(pictures[at], random, 0.25)
                l[i], known[i], strong = light[at], 1.0, random.choice([0.3, 1.0])
                person = 0.95 if kind == studio else 0.7
            if random.random() < person:
                one = put(one, cuts[random.integers(len(cuts))], random, 0.22 if kind == studio else 0.14)
            x[i], k[i] = tone(one, random, strong), kind
        logits, glow, inner = net.look(torch.from_numpy(x).permute(0, 3, 1, 2))
        w = torch.from_numpy(known).unsqueeze(1)
        loss = F.cross_entropy(logits, torch.from_numpy(k), label_smoothing=0.03) \
            + 0.5 * (w * (glow - torch.from_numpy(l)) ** 2).mean()
        best.zero_grad()
        loss.backward()
        best.step()
        step += 1
        mean += 0.02 * (loss.item() - mean)
        if step % 200 == 0:
            print("scene: step %d, %.0f %%, loss %.4f" % (step, 100 * done, mean), flush=True)
    net.eval()
    right = 0
    for i, (picture, kind) in enumerate(zip(test, test_kinds)):
        one = put(picture.astype(np.float32) / 255, held_cuts[i % len(held_cuts)], random)
        with torch.no_grad():
            right += int(net(torch.from_numpy((one * 255).astype(np.uint8)))[0]) == kind
    photo_right, rows = held_photographs(net, photographs)
    torch.save(net.state_dict(), os.path.join(out, "scene.pt"))
    path = os.path.join(out, "scene.onnx")
    export(net, (torch.zeros(300, 200, 3, dtype=torch.uint8),), path, ["image"],
           ["kind", "text", "confidence", "features"], dynamic={"image": {0: "height", 1: "width"}})
    words(path)
    print("scene:", json.dumps({"drawn_right": right / len(test), "drawn": len(test), "photographs_right": photo_right,
                                "photographs": len(rows), "steps": step, "minutes": (time.time() - start) / 60,
                                "seed": SEED, "bytes": file_bytes(path)}), flush=True)
    print("\n".join(rows), flush=True)


def words(path):
    """Turns the numbers `kind` and `text` into the strings `id` and `description`: torch knows no strings."""
    model = onnx.load(path)
    graph = model.graph
    texts = [(DESCRIPTIONS[s] + (", " + l if s not in ("unknown", "studio") else ""))
             for s in scenes.SCENES for l in LIGHTS]
    for name, table in (("ids", scenes.SCENES), ("texts", texts)):
        graph.initializer.append(helper.make_tensor(name, TensorProto.STRING, [len(table)],
                                                    [t.encode() for t in table]))
    graph.node.append(helper.make_node("Gather", ["ids", "kind"], ["id"]))
    graph.node.append(helper.make_node("Gather", ["texts", "text"], ["description"]))
    kept = [o for o in graph.output if o.name not in ("kind", "text")]
    del graph.output[:]
    graph.output.extend([helper.make_tensor_value_info(n, TensorProto.STRING, [1]) for n in ("id", "description")])
    graph.output.extend(kept)
    onnx.checker.check_model(model)
    onnx.save(model, path)


if __name__ == "__main__":
    # Goes on with the network that is there: scene.py OUT MINUTES.
    import sys
    torch.set_num_threads(1)
    before = Scene()
    before.load_state_dict(torch.load(os.path.join(sys.argv[1], "scene.pt")))
    train(sys.argv[1], float(sys.argv[2]), before, EACH // 4, 1.2e-3)
