"""B's judge: which scene a photograph shows, when to say "unknown", and whether a picture is a drawing.

The convolutional network (scene.py) knows drawn scenes and little else. The judge learns from photographs, few of
scenes and many of anything else, on designed features (look.py) and patches (patches.py): a kernel machine, so that
what is near to nothing that it saw of a scene is "unknown". A further output tells drawings apart: those are left to
the network. All goes into one ONNX file; the network and its features, which C learned from, stay as they are.

judge.py OUT [MODEL.ONNX]: trains the judge anew for the network of scene.pt in OUT, or of a model file.
"""

import functools
import json
import os
import sys
import time

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from onnx import numpy_helper
from PIL import Image

import labels
import look
import patches
import photos
import scene
import scenes
from common import export, file_bytes

SEED = 5
KINDS, NONE, STUDIO = scene.KINDS, scene.KINDS - 1, scenes.SCENES.index("studio")
DRAWN, CUT_OUT = -1, -2
# The kernel: main components of each family, how much the small ones are flattened, width, ridge, centres.
DIMENSIONS, FLATTEN, WIDTH, RIDGE, CENTRES = 100, 0.05, 1.5, 1e-4, 2600
SHARPNESS = 6.0
# How much "unknown" and "studio" weigh beside another scene, and drawings beside photographs.
WEIGHT = [1.0] * KINDS
WEIGHT[STUDIO], WEIGHT[NONE] = 4.0, 6.0
DRAWINGS = 0.15
FOLDS = 8
# From the crossed answers: as many scenes named as possible with this part of them right where so many pictures
# of none come to one of a scene.
RIGHT, NONES = 0.85, 4
# A drawing is what the judge takes for one and the network is sure of.
IS_DRAWN, NETWORK_SURE = -0.25, 0.6
# A portrait is also what is surely no drawing, which the network is sure of and the judge would sooner call a portrait
# than another scene.
PORTRAIT_DRAWN, PORTRAIT_NETWORK, PORTRAIT_JUDGE = -1.2, 0.8, 0.17


class Kernel(nn.Module):
    """Nearness to examples, in the main components of each family of features."""

    def __init__(self, counts, centres=CENTRES):
        super().__init__()
        for i, count in enumerate(counts):
            self.register_buffer("turn%d" % i, torch.zeros(count, DIMENSIONS))
            self.register_buffer("middle%d" % i, torch.zeros(DIMENSIONS))
        self.register_buffer("centres", torch.zeros(centres, DIMENSIONS * len(counts)))
        self.register_buffer("weights", torch.zeros(centres, KINDS + 1))

    def place(self, families):
        return torch.cat([f @ getattr(self, "turn%d" % i) - getattr(self, "middle%d" % i)
                          for i, f in enumerate(families)], 1)

    def near(self, places):
        square = (places ** 2).sum(1, keepdim=True) + (self.centres ** 2).sum(1) - 2 * places @ self.centres.T
        return torch.exp(-WIDTH * square.clamp(min=0))

    def forward(self, families):
        """The odds of each scene, and how much each picture is like a drawing, from -1 to 1."""
        out = self.near(self.place(families)) @ self.weights
        return torch.softmax(SHARPNESS * out[:, :KINDS], 1), out[:, KINDS]

    def learn(self, families, kinds, of, random):
        weight = balance(kinds, of)
        share = 1 / len(families)
        for i, x in enumerate(families):
            turn, middle = components(x, weight)
            at = x[random.permutation(len(x))[:120]] @ turn - middle
            far = np.median(((at[:, None] - at[None]) ** 2).sum(2))
            getattr(self, "turn%d" % i).copy_(torch.tensor(turn * np.sqrt(share / far)))
            getattr(self, "middle%d" % i).copy_(torch.tensor(middle * np.sqrt(share / far)))
        places = self.place([torch.tensor(x).float() for x in families])
        self.centres.copy_(places[random.permutation(len(places))[:len(self.centres)]])
        near, between = self.near(places), self.near(self.centres)
        drawn = of == DRAWN
        goals = np.eye(KINDS)[kinds], np.where(drawn, 1.0, -1.0)[:, None]
        weights = weight, np.where(drawn, 0.5 / drawn.sum(), 0.5 / (~drawn).sum())
        solved = []
        for goal, w in zip(goals, weights):
            w = torch.tensor(w * len(w)).float()[:, None]
            square = (near * w).T @ near + RIDGE * len(near) * between + 1e-4 * torch.eye(len(between))
            solved.append(torch.linalg.solve(square.double(), ((near * w).T @ torch.tensor(goal).float()).double()))
        self.weights.copy_(torch.cat(solved, 1))
        return self


def components(x, weight):
    """The main components, scaled towards equal size: (turn, middle) for x @ turn - middle."""
    middle = weight @ x
    scale = np.sqrt(weight @ (x - middle) ** 2) + 1e-3
    z = (x - middle) / scale
    size, turn = np.linalg.eigh((z * weight[:, None]).T @ z)
    size, turn = size[::-1][:DIMENSIONS], turn[:, ::-1][:, :DIMENSIONS]
    turn = turn / np.sqrt(size + FLATTEN * size[0]) / scale[:, None]
    return turn, middle @ turn


def balance(kinds, of):
    """Each scene counts as WEIGHT says, in it drawings DRAWINGS of that, and a photograph with many views not so
    much more than one with few."""
    weight = np.zeros(len(kinds))
    views = np.bincount(of + 2)[of + 2]
    for kind in range(KINDS):
        seen, drawn = (kinds == kind) & (of != DRAWN), (kinds == kind) & (of == DRAWN)
        weight[seen] = WEIGHT[kind] * (1 - DRAWINGS) / np.sqrt(views[seen]) / (1 / np.sqrt(views[seen])).sum()
        weight[drawn] = WEIGHT[kind] * DRAWINGS / max(1, drawn.sum())
    return weight / weight.sum()


class Judged(nn.Module):
    """The network, the judge and how they answer together."""

    def __init__(self, trunk):
        super().__init__()
        self.trunk, self.look, self.patches = trunk, look.Look(), patches.Patches()
        self.judge = Kernel([f.shape[1] for f in self.families(torch.zeros(1, 3, look.SIDE, look.SIDE))])
        self.register_buffer("sure", torch.tensor(0.6))

    def families(self, x):
        return [self.look(x), self.patches(x)]

    def forward(self, image):
        x = image.to(torch.float32).permute(2, 0, 1).unsqueeze(0) / 255.0
        x = F.interpolate(x, size=(4 * scene.SIDE, 4 * scene.SIDE), mode="bilinear", align_corners=False)
        logits, light, inner = self.trunk.look(F.avg_pool2d(x, 4))
        odds, drawing = self.judge(self.families(F.avg_pool2d(x, 3)))
        kind, confidence = together(torch.softmax(logits, 1), odds, drawing, self.sure)
        return scene.answer(kind, confidence, light, inner)


def together(network, odds, drawing, sure):
    """The scene and how sure it is, from the network's odds, the judge's, and how like a drawing it is."""
    top, kind = torch.max(network, 1)
    best, seen = torch.max(odds[:, :NONE], 1)
    portrait = (seen == STUDIO) & (odds[:, STUDIO] >= PORTRAIT_JUDGE) & (network[:, STUDIO] >= PORTRAIT_NETWORK) \
        & (drawing <= PORTRAIT_DRAWN)
    named = (best >= sure) | portrait
    confidence = torch.where(best >= sure, best, torch.where(portrait, network[:, STUDIO], 1 - best))
    seen = torch.where(named, seen, torch.full_like(seen, NONE))
    drawn = (drawing > IS_DRAWN) & (top >= NETWORK_SURE)
    return torch.where(drawn, kind, seen), torch.where(drawn, top, confidence)


def trunk_of(path):
    """The network in a model file; its normalisation was folded into the convolutions when it was exported."""
    net, folded = scene.Scene(), []
    state = net.state_dict()
    for tensor in onnx.load(path).graph.initializer:
        name = tensor.name[len("trunk."):] if tensor.name.startswith("trunk.") else tensor.name
        if name.startswith("onnx::Conv"):
            folded.append(torch.tensor(numpy_helper.to_array(tensor)))
        elif name in state:
            state[name] = torch.tensor(numpy_helper.to_array(tensor))
    for i in range(len(net.convs)):
        state["convs.%d.weight" % i], state["convs.%d.bias" % i] = folded[2 * i], folded[2 * i + 1]
        state["norms.%d.running_var" % i] = torch.full_like(folded[2 * i + 1], 1 - net.norms[i].eps)
    net.load_state_dict(state)
    return net.eval()


archive = functools.lru_cache(maxsize=None)(lambda package, file: photos.load_archive(package, file, 512))


def photographs(rows, random):
    """[(views, kind, package, name)]: some landscapes have no sky of their own, so each gets three."""
    out = []
    for package, end, name in rows:
        if ".rcc:" in end:
            file, number = end.split(":")
            views = [archive(package, file)[int(number)]]
            package += "/" + file
        else:
            found = [p for p in photos.find(package, (".jpg", ".jpeg", ".png", ".webp", ".gif", ".exr"), 0)
                     if p.endswith("/" + end)]
            if not found:
                raise SystemExit("%s has no %s" % (package, end))
            views = photos.load_panorama(package, found[0], 6) if end.endswith(".exr") else photos.load_before_skies(
                package, found[0], 512, 3, random, 0.8 if "/ocean" in found[0] else 0)
        out.append((views, scenes.SCENES.index(name), package, end))
    return out


def everything(random):
    """All photographs that are learned from. Nothing like one of the judged ones comes in with the pools."""
    known = photographs(labels.LEARNED, random) + installed([labels.ADMIRAL])
    known += [(photos.load_sky(package, path, faces, 512), scenes.SCENES.index(name), package, path)
              for package, path, faces, name in labels.SKIES]
    signs = [photos.alike(view) for views, *_ in known + judged_photographs() for view in views]
    for package, leave_out in labels.POOLS:
        known += [([picture], NONE, package, path)
                  for picture, path in photos.pool(package, leave_out, 320, 160, signs)]
    return known


@functools.lru_cache(maxsize=None)
def judged_photographs():
    random = np.random.default_rng(SEED)
    return photographs(labels.FIRST, random) + installed(labels.TESTED) + photographs(labels.FINAL, random)


def installed(rows):
    return [([np.asarray(Image.open(path).convert("RGB"))], scenes.SCENES.index(name), "installed",
             os.path.basename(path)) for path, name in rows]


def as_asked(picture):
    """A picture as the exported network shrinks it: FP32 [1, 3, SIDE, SIDE]."""
    x = torch.from_numpy(picture.copy()).float().permute(2, 0, 1).unsqueeze(0) / 255
    return F.interpolate(x, size=(4 * scene.SIDE, 4 * scene.SIDE), mode="bilinear", align_corners=False)


class Examples:
    """What the judge learns from: pictures, kinds, and which photograph each is of."""

    def __init__(self, known, random):
        self.cuts = scene.cut_outs(120, 5)
        self.cuts += [scene.real_cut_out()] * (len(self.cuts) // 3)
        self.random = random
        self.pictures, self.kinds, self.of = [], [], []
        for n, photograph in enumerate(known):
            self.photograph(n, *photograph[:2])
        nothing = [k[0][0] for k in known if k[1] == NONE]
        for stamp in photos.load_cut_outs(labels.STAMPS, 256):
            self.add(self.stamped(stamp, nothing), NONE, CUT_OUT, 1.0)
        for _ in range(400):
            self.add(self.person(scene.backdrop(random, look.SIDE).astype(np.float32), 0.22), STUDIO, DRAWN, 1.0)
        for _ in range(300):
            self.add(scene.texture(random, look.SIDE).astype(np.float32), NONE, DRAWN, 1.0)
        for picture, kind in zip(*scene.drawn(240, 1)[:2]):
            one = scene.vary(picture, random, 0.25, look.SIDE)
            if random.random() < (0.95 if kind == STUDIO else 0.0 if kind == NONE else 0.7):
                one = self.person(one, 0.22 if kind == STUDIO else 0.14)
            self.add(one, int(kind), DRAWN, random.choice([0.3, 1.0]))
        self.pictures = torch.from_numpy(np.stack(self.pictures))
        self.kinds, self.of = np.array(self.kinds), np.array(self.of)

    def person(self, picture, smallest):
        return scene.put(picture, self.cuts[self.random.integers(len(self.cuts))], self.random, smallest)

    def photograph(self, n, views, kind):
        for j in range(3 if kind == NONE else 14):
            one = scene.vary(views[self.random.integers(len(views))], self.random, 0.45 if j else 0.0, look.SIDE)
            if kind != NONE and self.random.random() < 0.3:
                one = self.person(one, 0.14)
            self.add(one, kind, n, 1.0 if j else 0.2)
        if kind == NONE and self.random.random() < 0.5:
            # A person before whatever is no scene is a portrait.
            self.add(self.person(scene.vary(views[0], self.random, 0.6, look.SIDE), 0.25), STUDIO, n, 1.0)

    def stamped(self, stamp, nothing):
        """A thing that was cut out, before something else or a plain ground."""
        random, side = self.random, look.SIDE
        r = random.random()
        ground = scene.vary(nothing[random.integers(len(nothing))], random, 0.6, side) if r < 0.5 else \
            scene.texture(random, side) if r < 0.8 else np.ones((side, side, 3)) * random.uniform(0, 1, 3)
        thing, ground = Image.fromarray(stamp), Image.fromarray((ground * 255).astype(np.uint8))
        scale = random.uniform(0.5, 1.1) * side / max(thing.size)
        thing = thing.resize([max(8, int(s * scale)) for s in thing.size], Image.BILINEAR)
        ground.paste(thing, (int((side - thing.width) * random.random()), int((side - thing.height) * random.random())),
                     thing)
        return np.asarray(ground, np.float32) / 255

    def add(self, picture, kind, of, strong):
        one = scene.tone(picture, self.random, strong)
        self.pictures.append((one * 255).astype(np.uint8).transpose(2, 0, 1))
        self.kinds.append(kind)
        self.of.append(of)


def families(net, pictures):
    """The features of UINT8 [n, 3, SIDE, SIDE], or of a list of FP32 ones, in FP64."""
    out = [[], []]
    with torch.no_grad():
        for at in range(0, len(pictures), 64):
            part = pictures[at:at + 64]
            part = torch.cat(part) if isinstance(part, list) else part.float() / 255
            for i, f in enumerate(net.families(part)):
                out[i].append(f.double().numpy())
    return [np.concatenate(o) for o in out]


def folds(known):
    """A number per photograph: packages are left out whole, the one with most scenes in thirds."""
    names = [k[2] + (str(i % 3) if k[2] == "scratch" else "") for i, k in enumerate(known)]
    size = {n: sum(11 if known[i][1] != NONE else 1 for i in range(len(known)) if names[i] == n) for n in set(names)}
    load, fold = [0] * FOLDS, {}
    for name in sorted(size, key=lambda n: (-size[n], n)):
        fold[name] = int(np.argmin(load))
        load[fold[name]] += size[name]
    return np.array([fold[n] for n in names])


def crossed(net, examples, seen, asked, known):
    """The answers to each photograph of a judge that saw none of its package."""
    fold = folds(known)
    odds, drawing = torch.zeros(len(known), KINDS), torch.zeros(len(known))
    for out in range(FOLDS):
        keep = ~np.isin(examples.of, np.where(fold == out)[0])
        judge = Kernel([f.shape[1] for f in seen]).learn([f[keep] for f in seen], examples.kinds[keep],
                                                         examples.of[keep], np.random.default_rng(SEED))
        with torch.no_grad():
            odds[fold == out], drawing[fold == out] = judge([torch.tensor(f[fold == out]).float() for f in asked])
    return odds, drawing


def figures(got, kinds):
    right, none = got == kinds, kinds == NONE
    named = got != NONE
    return {"named": int(named.sum()), "named_right": int((named & right).sum()), "scenes": int((~none).sum()),
            "unknown_named": int((named & none).sum()), "unknown": int(none.sum()), "right": int(right.sum())}


def choose(odds, kinds):
    """The least `sure` from which on RIGHT of the named are right among NONES pictures of none for each of a scene."""
    best, kind = (v.numpy() for v in odds[:, :NONE].max(1))
    scene_, none = kinds != NONE, kinds == NONE
    for sure in np.arange(0.40, 0.90, 0.01):
        named = best >= sure
        right = (named & (kind == kinds)).sum() / scene_.sum()
        wrong = (named & scene_ & (kind != kinds)).sum() / scene_.sum() + NONES * (named & none).sum() / none.sum()
        if right >= RIGHT * (right + wrong):
            return float(sure)
    return 0.9


def ask(net, pictures):
    with torch.no_grad():
        return [(int(kind), float(sure)) for kind, _, sure, _ in (net(torch.from_numpy(p.copy())) for p in pictures)]


def judged(net, name, known):
    """Asks the finished network about each photograph's first view."""
    said = ask(net, [k[0][0] for k in known])
    print("judge:", name, json.dumps(figures(np.array([s[0] for s in said]), np.array([k[1] for k in known]))),
          flush=True)
    for k, (kind, sure) in zip(known, said):
        print("  %s %s: %s>%s %.2f" % (k[2], k[3], scenes.SCENES[k[1]], scenes.SCENES[kind], sure))


def train(out, _minutes=None, trunk=None):
    torch.manual_seed(SEED)
    random, start = np.random.default_rng(SEED), time.time()
    if trunk is None:
        trunk = scene.Scene()
        trunk.load_state_dict(torch.load(os.path.join(out, "scene.pt")))
    net = Judged(trunk.eval()).eval()
    known = everything(random)
    kinds = np.array([k[1] for k in known])
    examples = Examples(known, random)
    print("judge: %d photographs, %s, %d examples, %.1f minutes" % (
        len(known), np.bincount(kinds).tolist(), len(examples.of), (time.time() - start) / 60), flush=True)
    some = random.permutation(np.where(examples.of != DRAWN)[0])[:2500]
    net.patches.learn(examples.pictures[some].float() / 255, random)
    seen = families(net, examples.pictures)
    whole = [as_asked(k[0][0]) for k in known]
    asked = families(net, [F.avg_pool2d(x, 3) for x in whole])
    with torch.no_grad():
        network = torch.cat([torch.softmax(trunk.look(F.avg_pool2d(x, 4))[0], 1) for x in whole])
    print("judge: features, %.1f minutes" % ((time.time() - start) / 60), flush=True)
    odds, drawing = crossed(net, examples, seen, asked, known)
    net.sure.fill_(choose(odds, kinds))
    alone = np.where(odds[:, :NONE].max(1)[0].numpy() >= float(net.sure), odds[:, :NONE].argmax(1).numpy(), NONE)
    both = together(network, odds, drawing, net.sure)[0].numpy()
    print("judge: sure %.2f, crossed alone" % float(net.sure), json.dumps(figures(alone, kinds)), "together",
          json.dumps(figures(both, kinds)), flush=True)
    net.judge.learn(seen, examples.kinds, examples.of, np.random.default_rng(SEED))
    path = os.path.join(out, "scene.onnx")
    export(net, (torch.zeros(300, 200, 3, dtype=torch.uint8),), path, ["image"],
           ["kind", "text", "confidence", "features"], dynamic={"image": {0: "height", 1: "width"}})
    scene.words(path)
    torch.save(net.state_dict(), os.path.join(out, "judge.pt"))
    test, test_kinds, _ = scene.drawn(60, 900)
    cuts = scene.cut_outs(30, 77)
    said = ask(net, [(scene.put(p.astype(np.float32) / 255, cuts[i % len(cuts)], random) * 255).astype(np.uint8)
                     for i, p in enumerate(test)])
    right = int(sum(s[0] == k for s, k in zip(said, test_kinds)))
    judged(net, "portraits", installed([labels.ADMIRAL] + labels.TESTED[:2]))
    print("judge:", json.dumps({"sure": float(net.sure), "drawn_right": right, "drawn": len(test),
                                "minutes": (time.time() - start) / 60, "seed": SEED, "bytes": file_bytes(path)}),
          flush=True)
    return net


def final(out, trunk):
    """The judgement, once: the photographs that nothing was learned from or chosen by."""
    net = Judged(trunk.eval()).eval()
    net.load_state_dict(torch.load(os.path.join(out, "judge.pt")))
    random = np.random.default_rng(SEED)
    judged(net, "first", photographs(labels.FIRST, random) + installed(labels.TESTED[2:]))
    judged(net, "final", photographs(labels.FINAL, random))


if __name__ == "__main__":
    torch.set_num_threads(1)
    of_file = trunk_of(sys.argv[2]) if len(sys.argv) > 2 else None
    if len(sys.argv) > 3 and sys.argv[3] == "final":
        final(sys.argv[1], of_file)
    else:
        train(sys.argv[1], trunk=of_file)
