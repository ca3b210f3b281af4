#!/usr/bin/python3
"""Draws examples/portrait/drawn.png, a person who does not exist at a beach that does not either; or, as
draw_portrait.py FILE PERSON SCENE, somebody else elsewhere (tests/integration/portrait/other.png: 3 forest).

For the README's picture and for tests; nothing in it comes from a photograph.
"""

import sys

import numpy as np
import torch
from PIL import Image

import people
import scenes

SIDE = 448


def draw(who_seed, scene, scene_seed, light):
    random = torch.Generator().manual_seed(scene_seed)
    kind = scenes.SCENES.index(scene)
    theta = scenes.style(kind, 1, random, torch.tensor([0.45]), torch.tensor([light]))[0]
    background = scenes.picture(kind, scene_seed, theta, SIDE).astype(np.float32) / 255
    tint, ambient, side = scenes.lamp(kind, theta)
    who = people.person(np.random.default_rng(who_seed))
    who.update(glasses=False, beard=False)
    colour, alpha = people.draw(who, SIDE, SIDE, 0.45 * SIDE, 0.50 * SIDE, 0.26 * SIDE, side=side, tint=tint,
                                ambient=ambient, sharp=3)
    picture = background * (1 - alpha[..., None]) + colour * alpha[..., None]
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    who = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    scene = sys.argv[3] if len(sys.argv) > 3 else "beach"
    Image.fromarray(draw(who, scene, 12, [0.25, 0.5])).save(
        sys.argv[1] if len(sys.argv) > 1 else "../../examples/portrait/drawn.png", optimize=True)
