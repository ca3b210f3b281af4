"""The drawn scenes: each a function of the fields (fields.py) and of the style theta at a point.

They are the teacher of the generator and the pictures of the recogniser's training. Colours are sRGB in
0..1. Edges are smooth over about a pixel and a half of a 512 picture.

theta, each about -1..1: 0 warmth, 1 daylight, 2 horizon (up..down), 3 light's place (left..right),
4 light's height, 5 and 6 hue, 7 haze, 8 clouds, 9 density, 10 height, 11 detail, 12-15 the scene's own.
"""

import numpy as np
import torch

from fields import NAMES, THETA, Noise, fields

SCENES = ["beach", "forest", "mountains", "city", "desert", "studio", "meadow", "unknown"]

EDGE = 1.5 / 512


class Point:
    """Names for the fields of a batch of pictures: p.cloud is [b, n]; p.t(3) is theta's number 3 [b, 1]."""

    def __init__(self, values, theta):
        self.theta = theta
        for i, name in enumerate(NAMES):
            setattr(self, name, values[:, i])
        self.x = (self.x + 1) / 2
        self.y = (self.y + 1) / 2
        self.below = self.below / 3
        self.sun = self.sun / 2

    def t(self, i):
        return self.theta[:, i:i + 1]


def colour(*rgb):
    return torch.tensor(rgb).view(1, 3, 1)


def mix(a, b, t):
    """a and b [b, 3, n] (or to be widened to it), t [b, n] or [b, 1]."""
    return a + (b - a) * t.unsqueeze(1)


def smooth(low, high, v):
    t = ((v - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def over(v, width=EDGE):
    """1 where v > 0, with a soft edge; v in picture heights."""
    return smooth(-width, width, v)


def grey(v):
    return v.unsqueeze(1).expand(-1, 3, -1)


def light(p, day, golden, dusk):
    """A colour by the light: of the day, of the golden hour, of dusk."""
    c = mix(colour(*day), colour(*golden), smooth(-0.1, 0.9, p.t(0)))
    return mix(c, colour(*dusk), smooth(0.1, 0.95, -p.t(1)))


def sky(p, clouds=1.0):
    top = light(p, (0.20, 0.45, 0.82), (0.35, 0.40, 0.66), (0.07, 0.08, 0.24))
    low = light(p, (0.74, 0.88, 0.97), (1.00, 0.74, 0.45), (0.60, 0.33, 0.45))
    high = smooth(0.0, 0.55, -p.below)
    c = mix(low, top, high)
    glow = light(p, (1.0, 0.98, 0.9), (1.0, 0.82, 0.5), (1.0, 0.62, 0.45))
    c = mix(c, glow, torch.exp(-p.sun * 6.0) * 0.75)
    cover = smooth(0.05 - 0.5 * p.t(8), 0.9 - 0.4 * p.t(8), p.cloud + 0.25 * p.mid)
    bright = light(p, (1.0, 1.0, 1.0), (1.0, 0.86, 0.72), (0.62, 0.42, 0.52))
    shade = light(p, (0.72, 0.79, 0.88), (0.82, 0.58, 0.55), (0.24, 0.2, 0.36))
    body = mix(shade, bright, smooth(-0.3, 0.9, p.mid * 0.5 + p.cloud * 0.4 + 0.2 - 0.6 * p.sun))
    c = mix(c, body, cover * clouds * 0.85 * smooth(0.0, 0.10, -p.below))
    disc = light(p, (1.0, 1.0, 0.94), (1.0, 0.93, 0.74), (1.0, 0.80, 0.64))
    return mix(c, disc, over(0.042 - p.sun, 0.006))


def beach(p):
    c = sky(p)
    far = light(p, (0.42, 0.56, 0.62), (0.55, 0.42, 0.45), (0.20, 0.17, 0.30))
    # A headland that falls away from the side where the light is.
    side = torch.sigmoid((p.x - 0.5 - 0.25 * p.t(12)) * 9 * torch.sign(p.t(3)) * -1)
    top = -0.085 * side * (1.0 + 0.35 * p.ridge0) + 0.004
    c = mix(c, far + 0.04 * grey(p.mid), over(p.below - top) * over(-p.below))
    shore = 0.15 + 0.04 * p.t(10) + 0.035 * p.ridge1 + 0.06 * (p.x - 0.5) * p.t(13)
    deep = light(p, (0.05, 0.36, 0.56), (0.20, 0.33, 0.48), (0.08, 0.12, 0.28))
    shallow = light(p, (0.25, 0.72, 0.74), (0.55, 0.58, 0.56), (0.25, 0.26, 0.42))
    sea = mix(deep, shallow, smooth(-0.02, 1.0, p.below / shore))
    sea = sea * (1 + 0.16 * grey(p.wavy) * grey(smooth(0, 0.05, p.below) * 0.6 + 0.4))
    glint = torch.exp(-torch.abs(p.sun_dx) * (7.0 - 22 * p.below.clamp(0, 0.2)))
    spark = light(p, (1.0, 1.0, 0.95), (1.0, 0.85, 0.55), (1.0, 0.66, 0.50))
    sea = mix(sea, spark, glint * smooth(-0.35, 0.75, p.wavy + 0.25 * p.grain) * 0.85)
    c = mix(c, sea, over(p.below))
    for at, wide in ((0.42, 0.012), (0.72, 0.016)):
        line = p.below - shore * at - 0.008 * p.ridge2
        c = mix(c, light(p, (0.95, 0.99, 1.0), (1.0, 0.9, 0.8), (0.66, 0.6, 0.7)),
                smooth(wide, 0.0, torch.abs(line)) * smooth(-0.1, 0.5, p.wavy + p.mid * 0.6) * 0.8)
    wet = light(p, (0.62, 0.52, 0.38), (0.62, 0.43, 0.30), (0.28, 0.22, 0.28))
    dry = light(p, (0.93, 0.84, 0.65), (0.95, 0.74, 0.50), (0.48, 0.38, 0.42))
    sand = mix(wet, dry, smooth(0.015, 0.10, p.below - shore - 0.01 * p.mid))
    sand = sand * (1 + 0.05 * grey(p.ground) + 0.06 * grey(p.fine_ground))
    c = mix(c, sand, over(p.below - shore, 0.005))
    foam = smooth(0.020 + 0.008 * p.mid, 0.0, torch.abs(p.below - shore + 0.006))
    return mix(c, light(p, (1.0, 1.0, 1.0), (1.0, 0.93, 0.85), (0.74, 0.68, 0.76)), foam * 0.95)


def forest(p):
    glow = light(p, (0.80, 0.93, 0.62), (1.0, 0.85, 0.48), (0.36, 0.46, 0.52))
    far = light(p, (0.36, 0.56, 0.34), (0.60, 0.52, 0.24), (0.10, 0.20, 0.24))
    near = light(p, (0.10, 0.24, 0.11), (0.17, 0.18, 0.07), (0.03, 0.08, 0.10))
    c = mix(far, glow, torch.exp(-p.sun * (3.6 - 0.8 * p.t(7))))
    c = c * (1 + 0.14 * grey(p.mid) + 0.10 * grey(p.drape))
    floor = 0.13 + 0.015 * p.ridge0
    moss = light(p, (0.30, 0.48, 0.18), (0.46, 0.42, 0.16), (0.08, 0.17, 0.16))
    lit = light(p, (0.62, 0.78, 0.32), (0.88, 0.70, 0.30), (0.22, 0.32, 0.32))
    ground = mix(moss, lit, smooth(-0.2, 1.1, p.ground * 0.6 + 0.9 * torch.exp(-torch.abs(p.sun_dx) * 5)))
    ground = ground * (1 + 0.25 * grey(p.fine_ground)) * (1 - 0.9 * grey((p.below - 0.1).clamp(0, 0.5)))
    layers = ((p.offset0, p.a0, p.b0, 0.16, 0.50, 0.020), (p.offset1, p.a1, p.b1, 0.19, 0.78, 0.065),
              (p.offset2, p.a2, p.b2, 0.17, 1.0, 0.16))
    beams = torch.exp(-p.sun * 2.2)
    for k, (offset, a, b, wide, dark, foot) in enumerate(layers):
        if k == 1:
            c = mix(c, ground, over(p.below - floor * 0.45 - 0.012 * p.mid, 0.010))
        bark = mix(glow * 0.75, near, torch.full_like(p.x, dark) - 0.35 * beams * (1.0 - 0.4 * k))
        bark = bark * (1 + 0.22 * grey(p.drape) + 0.10 * grey(p.mid))
        side = smooth(0.0, 1.0, offset * torch.tanh(-12 * p.sun_dx) / wide)
        bark = bark * (1 + 0.55 * grey(side))
        half = wide * (1 + 0.45 * a) + 0.18 * ((p.below - foot + 0.05).clamp(0, 1)) ** 2 * 8
        lean = offset + 0.10 * b * p.below
        stands = over(half - torch.abs(lean), 0.02 + 0.02 * k) * (b > (-0.35 - 0.4 * p.t(9))).float()
        c = mix(c, bark, stands * over(foot + 0.02 * b - p.below, 0.006))
    front = near * 1.5 * (1 + 0.35 * grey(p.grain * 0.6 + p.mid * 0.5))
    fern = smooth(-0.10, 0.25, p.below - 0.24 - 0.05 * p.ridge1 + 0.06 * p.mid + 0.035 * p.grain)
    c = mix(c, mix(front, lit * 0.8, smooth(0.2, 1.2, p.grain + 0.6 * p.mid)), fern * 0.8)
    # Leaves above, with the light through them.
    leaves = smooth(-0.03, 0.05, 0.12 + 0.045 * p.ridge2 - p.y + 0.13 * p.mid + 0.05 * p.grain)
    green = light(p, (0.16, 0.34, 0.12), (0.34, 0.32, 0.08), (0.05, 0.13, 0.13))
    bright = light(p, (0.60, 0.80, 0.28), (0.95, 0.75, 0.26), (0.18, 0.32, 0.30))
    c = mix(c, mix(green, bright, smooth(0.1, 1.1, p.grain * 0.7 + p.mid * 0.6 + 0.3 - 0.5 * p.sun)), leaves)
    rays = smooth(0.1, 1.0, p.drape) * beams * smooth(0.3, -0.1, p.below)
    return mix(c, glow, rays * 0.32)


def mountains(p):
    c = sky(p)
    haze = light(p, (0.74, 0.85, 0.94), (0.98, 0.76, 0.56), (0.50, 0.34, 0.46))
    rock = light(p, (0.34, 0.38, 0.46), (0.44, 0.33, 0.36), (0.13, 0.12, 0.24))
    snow = light(p, (0.97, 0.98, 1.0), (1.0, 0.84, 0.68), (0.60, 0.52, 0.70))
    blue = light(p, (0.62, 0.72, 0.88), (0.66, 0.50, 0.58), (0.26, 0.24, 0.42))
    pines = light(p, (0.13, 0.26, 0.20), (0.20, 0.20, 0.14), (0.04, 0.07, 0.11))
    tall = 1.0 + 0.25 * p.t(10)
    sign = torch.tanh(12 * p.sun_dx)
    ranges = ((p.ridge0, 0.23, 0.17, 0.55), (p.ridge1, 0.13, 0.12, 0.25))
    for k, (ridge, base, swing, fog) in enumerate(ranges):
        peak = -(base + swing * ridge) * tall
        up = p.below - peak
        facet = smooth(-0.6, 0.6, p.mid * 0.8 + p.drape * 0.6 + 0.5 * sign * (p.ridge2 if k else p.ridge3))
        body = mix(rock * 0.75, rock * 1.35, facet)
        white = mix(blue, snow, facet)
        cap = smooth(0.02, -0.03, up - 0.115 * tall - 0.04 * p.mid - 0.02 * p.drape + 0.1 * k + 0.06 * (p.below + 0.1))
        body = mix(body, white, cap)
        body = mix(body, haze, torch.full_like(p.x, fog) * (0.55 + 0.25 * p.t(7)) + 0.5 * smooth(0.0, 0.35, up))
        c = mix(c, body, over(up) * over(0.2 - p.below))
    hill = p.below - 0.005 - 0.03 * p.ridge3
    slope = mix(haze, pines * 1.6, torch.full_like(p.x, 0.55))
    c = mix(c, slope * (1 + 0.16 * grey(p.mid)), over(hill))
    meadow = light(p, (0.42, 0.56, 0.26), (0.62, 0.50, 0.26), (0.14, 0.18, 0.22))
    edge = p.below - 0.10 - 0.025 * p.ridge2
    c = mix(c, meadow * (1 + 0.14 * grey(p.ground) + 0.16 * grey(p.fine_ground))
            * (1 - 0.7 * grey((p.below - 0.12).clamp(0, 0.5))), over(edge))
    for k, (offset, a, b, foot, high, shade) in enumerate((
            (p.offset0, p.a0, p.b0, 0.115, 0.085, 1.55), (p.offset1, p.a1, p.b1, 0.20, 0.17, 1.1))):
        size = high * (1 + 0.35 * a)
        base = foot + 0.03 * b
        up = ((base - p.below) / size).clamp(0, 1)
        wide = 0.46 * (1 - up) * (1 + 0.28 * p.grain * smooth(0, 0.2, up)) * (0.85 + 0.25 * p.wavy)
        tree = over(wide - torch.abs(offset), 0.03) * over(base - p.below, 0.004) * over(p.below - base + size)
        stands = (b > (0.0 + 0.35 * k - 0.5 * p.t(9))).float()
        lit = 1 + 0.5 * smooth(0.0, 0.3, offset * -sign) + 0.2 * p.grain
        c = mix(c, pines * shade * grey(lit), tree * stands)
    return c


def city(p):
    top = mix(colour(0.02, 0.03, 0.12), colour(0.10, 0.08, 0.30), smooth(-1, 1, p.t(5)))
    low = mix(colour(0.75, 0.35, 0.42), colour(0.25, 0.42, 0.72), smooth(0.6, -0.9, p.t(0)))
    c = mix(low, top, smooth(-0.05, 0.50, -p.below))
    star = smooth(0.16, 0.02, p.dot1) * smooth(0.2, 0.9, p.dot_a1) * smooth(0.12, 0.4, -p.below)
    c = mix(c, colour(1.0, 0.97, 0.9), star * 0.9)
    c = mix(c, colour(1.0, 0.95, 0.82), torch.exp(-p.sun * 14) * 0.45)
    c = mix(c, colour(1.0, 0.97, 0.88), over(0.032 - p.sun, 0.005))
    warm = mix(colour(1.0, 0.80, 0.42), colour(1.0, 0.93, 0.72), smooth(-1, 1, p.t(6)))
    cool = colour(0.62, 0.85, 1.0)
    rows = ((p.offset0, p.a0, p.b0, 0.16, 0.13, 0.55, 0.47, 0.5), (p.offset1, p.a1, p.b1, 0.12, 0.16, 0.28, 0.46, 0.15),
            (p.offset2, p.a2, p.b2, 0.0, 0.15, 0.10, 0.40, -0.25))
    for k, (offset, a, b, base, swing, fog, half, lit) in enumerate(rows):
        peak = -(base + swing * (0.5 + 0.5 * a) * (1 + 0.3 * p.t(10)) + 0.03)
        inside = over(half - 0.05 * torch.abs(b) - torch.abs(offset), 0.02) * over(p.below - peak)
        mast = over(0.018 - torch.abs(offset), 0.012) * over(p.below - peak + 0.05) * smooth(0.2, 0.3, b)
        wall = mix(colour(0.04, 0.05, 0.11) * (1 + 0.5 * k), low * 0.72, torch.full_like(p.x, fog))
        wall = wall * (1 + 0.18 * grey(offset / half))
        c = mix(c, wall, torch.maximum(inside, mast))
        frame = smooth(0.75, 0.35, torch.abs(p.window_x)) * smooth(0.7, 0.2, torch.abs(p.window_y))
        on = smooth(lit - 0.05, lit + 0.05, p.window + 0.3 * p.t(11) + 0.25 * b)
        edge = over(half - 0.10 - torch.abs(offset), 0.03) * over(p.below - peak - 0.012)
        glass = mix(warm, cool, smooth(0.35, 0.5, b) * 0.8)
        c = mix(c, glass * grey(0.75 + 0.25 * p.window), frame * on * inside * edge * (0.45 + 0.27 * k))
    # The street: wet, with the lights standing in it.
    ground = 0.055
    street = mix(colour(0.05, 0.06, 0.12), low * 0.55, smooth(0.30, 0.0, p.below - ground))
    streak = smooth(0.1, 1.0, p.drape + 0.15 * p.wavy) * smooth(0.32, 0.0, p.below - ground)
    tint = mix(warm, colour(1.0, 0.42, 0.40), smooth(0.0, 0.6, p.b2))
    street = mix(street, tint, streak * 0.75 * smooth(-0.9, 0.7, p.wavy + 0.6))
    c = mix(c, street, over(p.below - ground, 0.006))
    lamp = smooth(0.62, 0.50, p.dot0) * smooth(0.35, 0.45, p.dot_a0)
    band = smooth(0.10, 0.04, torch.abs(p.below - ground - 0.02))
    hue = mix(warm, mix(colour(1.0, 0.35, 0.35), colour(0.45, 0.8, 1.0), smooth(0.72, 0.78, p.dot_a0)),
              smooth(0.6, 0.66, p.dot_a0))
    return mix(c, hue, lamp * band * 0.75)


def desert(p):
    c = sky(p, 0.35)
    c = mix(c, light(p, (0.96, 0.86, 0.70), (1.0, 0.70, 0.42), (0.60, 0.34, 0.36)), smooth(0.22, 0.0, -p.below) * 0.6)
    mesa = light(p, (0.70, 0.44, 0.34), (0.72, 0.36, 0.26), (0.26, 0.14, 0.22))
    stands = (p.b2 > 0.05 - 0.3 * p.t(9)).float()
    wall = over(0.36 + 0.10 * p.a2 - torch.abs(p.offset2) - 0.5 * (p.below + 0.09).clamp(0, 1), 0.02)
    high = 0.09 + 0.06 * p.a2 + 0.012 * p.ridge3
    strata = 1 + 0.10 * p.wavy + 0.12 * p.drape
    c = mix(c, mesa * grey(strata) * grey(1 + 0.3 * smooth(-0.2, 0.2, p.offset2 * torch.tanh(-12 * p.sun_dx))),
            stands * wall * over(p.below + high) * 0.92)
    lit = light(p, (0.96, 0.74, 0.46), (0.98, 0.62, 0.30), (0.50, 0.30, 0.32))
    dark = light(p, (0.72, 0.46, 0.28), (0.58, 0.28, 0.18), (0.20, 0.12, 0.22))
    dunes = ((p.ridge0, 0.0, 0.030, 0.35), (p.ridge1, 0.085, 0.040, 0.15), (p.ridge2, 0.21, 0.06, 0.0))
    for k, (ridge, base, swing, fog) in enumerate(dunes):
        soft = torch.sin(p.x * (5.0 + 1.3 * k) + 2.2 * p.t(12 + k) + 1.2 * k) + 0.12 * ridge
        crest = base + swing * soft
        up = p.below - crest
        fall = torch.cos(p.x * (5.0 + 1.3 * k) + 2.2 * p.t(12 + k) + 1.2 * k) * torch.sign(p.t(3))
        # The slip face lies under the crest on the side away from the light, and runs out below.
        edge = fall - 5.0 * up + 0.25 * p.wavy * smooth(0, 0.2, up)
        side = 1 - smooth(-0.12, 0.30, edge) * smooth(0.30, 0.05, up)
        side = side * (0.78 + 0.22 * smooth(-1.2, 1.0, -fall + 0.25 * p.mid))
        body = mix(dark, lit, side) * (1 + 0.07 * grey(p.ground) * 1.2 + 0.06 * grey(p.fine_ground) + 0.03 * grey(p.wavy))
        body = mix(body, lit * 1.06, smooth(0.03, 0.0, up) * 0.5)
        body = mix(body, light(p, (0.96, 0.86, 0.70), (1.0, 0.72, 0.46), (0.52, 0.32, 0.38)), torch.full_like(p.x, fog))
        c = mix(c, body, over(up))
    # A cactus or two.
    plant = light(p, (0.25, 0.40, 0.24), (0.28, 0.26, 0.14), (0.07, 0.09, 0.12))
    foot, high = 0.13 + 0.03 * p.b1, 0.19 + 0.05 * p.a1
    grows = (p.b1 > 0.55 - 0.35 * p.t(11)).float() * over(foot - p.below)
    trunk = over(0.075 - torch.abs(p.offset1), 0.025) * over(p.below - foot + high)
    bar = over(0.20 - torch.abs(p.offset1), 0.02) * over(0.011 - torch.abs(p.below - foot + high * 0.52), 0.003)
    arm = over(0.045 - torch.abs(torch.abs(p.offset1) - 0.19), 0.025) * over(foot - high * 0.45 - p.below) \
        * over(p.below - foot + high * (0.78 + 0.1 * torch.sign(p.offset1)))
    body = torch.maximum(trunk, torch.maximum(bar, arm))
    shade = 1 + 0.4 * smooth(-0.1, 0.1, p.offset1 * torch.tanh(-12 * p.sun_dx)) + 0.15 * p.drape
    return mix(c, plant * grey(shade), grows * body)


def hue_colour(h, low, high):
    """A colour of the hue circle: h [b, 1] in turns."""
    parts = [0.5 + 0.5 * torch.cos(6.2832 * (h + k)) for k in (0.0, -1 / 3, -2 / 3)]
    return (low + (high - low) * torch.stack(parts, 1))


def studio(p):
    plain = smooth(-0.4, 0.5, p.t(14)) * 0.8
    base = mix(hue_colour(p.t(5) * 0.5, 0.16, 0.46), colour(0.27, 0.27, 0.28), plain)
    second = mix(hue_colour(p.t(5) * 0.5 + 0.09 * p.t(6), 0.34, 0.80), colour(0.62, 0.61, 0.60), plain)
    cx, cy = 0.5 + 0.16 * p.t(3), 0.40 + 0.06 * p.t(4)
    r = torch.sqrt((p.x - cx) ** 2 + (p.y - cy) ** 2 * 0.9 + 1e-6)
    spot = torch.exp(-(r / (0.40 + 0.08 * p.t(9))) ** 2)
    muslin = 0.5 + 0.28 * p.cloud + 0.12 * p.mid
    c = mix(base * 0.42, second, spot * (0.78 + 0.35 * (muslin - 0.5)))
    warm = mix(colour(0.92, 0.98, 1.08), colour(1.10, 1.0, 0.88), smooth(-1, 1, p.t(0)))
    c = c * warm * (1 + 0.10 * grey(p.cloud) + 0.03 * grey(p.grain))
    # Folds of cloth at the sides, more or less of them.
    folds = smooth(0.30, 0.52, torch.abs(p.x - 0.5 + 0.1 * p.t(12))) * smooth(-0.6, 0.6, p.t(13))
    c = c * (1 + folds.unsqueeze(1) * 0.55 * grey(p.drape))
    floor = p.y - 0.86 - 0.02 * p.t(2)
    c = mix(c, mix(base * 0.55, second * 0.8, torch.exp(-((p.x - cx) / 0.4) ** 2)), smooth(-0.10, 0.10, floor) * 0.75)
    # A rim of light from a softbox that stands outside.
    c = mix(c, colour(1.0, 0.97, 0.92), torch.exp(-((p.x - 0.5 - 0.62 * torch.sign(p.t(3))) / 0.16) ** 2)
            * torch.exp(-((p.y - 0.22) / 0.22) ** 2) * 0.55)
    return c * (1 - 0.45 * grey(smooth(0.35, 0.85, r)))


def meadow(p):
    c = sky(p)
    far = light(p, (0.46, 0.64, 0.54), (0.62, 0.56, 0.42), (0.20, 0.22, 0.32))
    mid = light(p, (0.36, 0.60, 0.28), (0.58, 0.56, 0.24), (0.13, 0.20, 0.22))
    sign = torch.tanh(-12 * p.sun_dx)
    c = mix(c, far * (1 + 0.08 * grey(p.mid)), over(p.below + 0.055 + 0.035 * torch.sin(p.x * 6 + 3 * p.t(12)) + 0.010 * p.ridge0))
    hill = p.below + 0.004 + 0.03 * torch.sin(p.x * 4.4 + 3 * p.t(13)) + 0.004 * p.ridge1
    for k, (offset, a, b, size, foot) in enumerate(((p.offset0, p.a0, p.b0, 0.030, 0.008), (p.offset1, p.a1, p.b1, 0.058, 0.022))):
        up = foot - hill - size * 1.1
        count = (27.0, 15.0)[k]
        round_ = torch.sqrt((offset / count) ** 2 * 1.2 + up ** 2 + 1e-8)
        crown = over(size * (0.62 + 0.18 * a + 0.20 * p.mid + 0.14 * p.grain) - round_, 0.004)
        trunk = over(0.05 - torch.abs(offset), 0.02) * over(hill - foot + size) * over(foot - hill)
        stands = (b > 0.25 - 0.5 * p.t(9)).float()
        leaf = light(p, (0.17, 0.36, 0.16), (0.34, 0.34, 0.12), (0.05, 0.10, 0.12))
        shade = 1.0 + 0.55 * smooth(-0.6, 0.7, sign * offset * 4 - up / size * 0.7 + 0.5 * p.grain)
        c = mix(c, leaf * grey(shade), torch.maximum(crown, trunk) * stands)
        if k == 0:
            c = mix(c, mid * (1 + 0.12 * grey(p.mid)), over(hill))
    c = mix(c, mid * (1 + 0.10 * grey(p.mid) + 0.10 * grey(p.ground)), over(hill - 0.012))
    near = light(p, (0.34, 0.58, 0.16), (0.56, 0.54, 0.14), (0.10, 0.19, 0.14))
    tip = light(p, (0.66, 0.82, 0.30), (0.94, 0.80, 0.34), (0.24, 0.36, 0.30))
    grass = mix(near * 0.8, tip, smooth(-0.4, 1.2, 0.7 * p.fine_ground + 0.5 * p.ground + 0.35 * p.drape))
    c = mix(c, grass * (1 - 0.55 * grey((p.below - 0.16).clamp(0, 0.5))), smooth(0.0, 0.16, hill - 0.02 + 0.02 * p.ground))
    bloom = hue_colour(p.t(5) * 0.28 + 0.02 + 0.16 * p.t(6), 0.35, 1.0)
    petal = mix(mix(bloom, colour(1.0, 1.0, 0.95), smooth(0.45, 0.5, p.dot_a0)), colour(1.0, 0.85, 0.2), smooth(0.72, 0.76, p.dot_a0))
    petal = petal * light(p, (1, 1, 1), (1.0, 0.88, 0.72), (0.45, 0.45, 0.6))
    flower = smooth(0.36, 0.22, p.dot0 * (1.25 - 1.2 * (p.below - 0.15).clamp(0, 0.5))) * smooth(-0.1 - 0.3 * p.t(11), 0.0 - 0.3 * p.t(11), p.dot_a0)
    c = mix(c, petal * grey(1.08 - 0.4 * p.dot0), flower * over(hill - 0.17, 0.02) * 0.95)
    small = smooth(0.55, 0.32, p.dot1) * smooth(0.0, 0.1, p.dot_a1 + 0.25 * p.ground)
    return mix(c, petal, small * smooth(0.05, 0.09, hill) * smooth(0.24, 0.14, hill) * 0.85)


def unknown(p):
    """Nothing that one could name: soft shapes in three colours."""
    a = hue_colour(p.t(5) * 0.5, 0.45, 0.98)
    b = hue_colour(p.t(5) * 0.5 + 0.12 + 0.10 * p.t(6), 0.30, 0.85)
    d = hue_colour(p.t(5) * 0.5 - 0.18 + 0.10 * p.t(11), 0.15, 0.55)
    wave = torch.sin(5 * (p.x + 0.4 * p.t(12)) + 4 * p.y * p.t(13) + 0.5 * p.cloud)
    swirl = torch.sin(6 * (p.y + 0.4 * p.t(14)) - 4 * p.x * p.t(15) + 0.4 * p.cloud + 1.1 * wave)
    c = mix(a, b, smooth(-0.9, 0.9, wave))
    c = mix(c, d, smooth(-0.25, 0.35, swirl) * 0.8)
    c = c * (1 + 0.10 * grey(swirl * wave) + 0.03 * grey(p.mid))
    return mix(c, colour(1.0, 1.0, 1.0), smooth(0.35, 0.0, torch.abs(wave - swirl)) * 0.30)


DRAWERS = [beach, forest, mountains, city, desert, studio, meadow, unknown]


def style(kind, count, random, place=None, glow=None):
    """Draws theta for `count` pictures of a kind: what goes together in that scene. `place` [count] is
    where the person will stand (0..1): the light keeps to the other side. `glow` [count, 2] gives warmth
    and daylight; without it they are drawn too."""
    t = torch.rand(count, THETA, generator=random) * 2 - 1
    if place is None:
        place = torch.rand(count, generator=random)
    name = SCENES[kind]
    away = torch.sign(0.5 - place + 1e-3)
    t[:, 3] = away * (0.35 + 0.6 * torch.rand(count, generator=random))
    if glow is None:
        if name == "desert":
            t[:, 0] = t[:, 0] * 0.7 + 0.3
        # Late light is low and no longer bright; noon is neither warm nor dim.
        t[:, 1] = torch.where(t[:, 0] > 0.2, t[:, 1] * 0.9 - 0.2, t[:, 1] * 0.6 + 0.45)
        if name == "city":
            t[:, 1] = -0.6 + 0.3 * t[:, 1]
    else:
        t[:, :2] = glow
    t[:, 4] = -t[:, 0] * 0.6 + t[:, 4] * 0.4
    if name == "city":
        t[:, 4] = 0.3 + 0.5 * t[:, 8]
    if name in ("mountains", "desert", "meadow", "city"):
        t[:, 2] = t[:, 2] * 0.6 + 0.15
    return t.clamp(-1, 1)


def lamp(kind, theta):
    """The light that falls on a person in the scene: (colour [3], how much of it is ambient, its side)."""
    t = theta.tolist()
    warm, dim = max(0.0, min(1.0, t[0])), max(0.0, min(1.0, -t[1]))
    day, gold, dusk = np.array([1.0, 1.0, 1.0]), np.array([1.06, 0.95, 0.80]), np.array([0.80, 0.76, 0.92])
    c = day + (gold - day) * warm
    c = c + (dusk - c) * dim * 0.8
    name = SCENES[kind]
    if name == "forest":
        c = c * np.array([0.93, 1.01, 0.88])
    elif name == "city":
        c = np.array([0.88, 0.82, 0.92])
    elif name == "desert":
        c = c * np.array([1.04, 0.99, 0.92])
    elif name == "studio":
        c = np.array([1.0, 0.99, 0.97]) * (1.0 + 0.04 * t[0])
    ambient = {"forest": 0.66, "city": 0.55, "studio": 0.55, "unknown": 0.7}.get(name, 0.60)
    return c, ambient, max(-1.0, min(1.0, t[3] * 1.1))


def draw(kind, seed, xy, theta):
    """The scene at points: [b, 3, n] in 0..1."""
    p = Point(fields(Noise(seed), xy, theta), theta)
    return DRAWERS[kind](p).clamp(0, 1)


def grid(size):
    """The points of a square picture's pixels: [1, size * size, 2]."""
    at = (torch.arange(size, dtype=torch.float32) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], 1).unsqueeze(0)


def picture(kind, seed, theta, size=512):
    """One whole scene as UINT8 [size, size, 3]."""
    c = draw(kind, torch.tensor([seed]), grid(size), theta.view(1, -1))
    return (c[0].T.reshape(size, size, 3) * 255 + 0.5).to(torch.uint8).numpy()


if __name__ == "__main__":
    import sys
    from PIL import Image
    size, each = 320, 4
    random = torch.Generator().manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    rows = []
    for kind in range(len(SCENES)):
        theta = style(kind, each, random)
        rows.append(np.concatenate([picture(kind, 100 + i, theta[i], size) for i in range(each)], 1))
    sheet = np.concatenate([np.concatenate(rows[:4], 0), np.concatenate(rows[4:], 0)], 1)
    Image.fromarray(sheet).save(sys.argv[1])
