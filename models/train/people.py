"""Drawn persons: heads and shoulders by formulas, no photograph behind them.

A person is a dictionary of numbers (who), drawn at a place and size, under a light, with exact alpha. The
shading is that of a lit ellipsoid with features on it, which is what a face detector looks for: eyes
darker than cheeks, a bright bridge of the nose, a dark mouth.
"""

import numpy as np

SKINS = [(0.96, 0.82, 0.72), (0.92, 0.74, 0.61), (0.85, 0.65, 0.50), (0.74, 0.54, 0.40), (0.62, 0.43, 0.31),
         (0.50, 0.34, 0.25)]
HAIRS = [(0.10, 0.08, 0.07), (0.22, 0.14, 0.09), (0.40, 0.25, 0.13), (0.66, 0.48, 0.26), (0.55, 0.22, 0.10),
         (0.70, 0.69, 0.67)]
CLOTHES = [(0.16, 0.25, 0.42), (0.55, 0.15, 0.16), (0.20, 0.38, 0.30), (0.80, 0.78, 0.72), (0.17, 0.17, 0.19),
           (0.78, 0.50, 0.18), (0.40, 0.27, 0.47), (0.27, 0.48, 0.60)]
EYES = [(0.25, 0.16, 0.09), (0.22, 0.37, 0.52), (0.27, 0.40, 0.22), (0.14, 0.10, 0.08)]


def person(random):
    """Draws who somebody is."""
    pick = lambda table: np.array(table[random.integers(len(table))])
    u = lambda a, b: float(random.uniform(a, b))
    return {
        "skin": np.clip(pick(SKINS) * u(0.95, 1.03), 0, 1), "hair": pick(HAIRS) * u(0.85, 1.15),
        "cloth": np.clip(pick(CLOTHES) * u(0.8, 1.2), 0, 1), "iris": pick(EYES),
        "width": u(0.76, 0.86), "jaw": u(0.70, 0.92), "brow": u(0.018, 0.032), "brow_tilt": u(-0.05, 0.06),
        "eye_gap": u(0.275, 0.325), "eye_size": u(0.095, 0.12), "nose": u(0.085, 0.125), "nose_long": u(0.23, 0.30),
        "mouth": u(0.17, 0.25), "lips": u(0.035, 0.06), "smile": u(-0.02, 0.07), "red": u(0.0, 0.35),
        "hair_long": u(0.0, 1.0), "hair_high": u(0.08, 0.20), "fringe": u(-0.25, 0.35), "part": u(-0.6, 0.6),
        "glasses": random.random() < 0.22, "beard": random.random() < 0.18, "collar": random.integers(3),
        "wave": u(0, 6.28), "shoulder": u(1.02, 1.3),
    }


def soft(v, width):
    t = np.clip(v / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def blob(x, y, cx, cy, rx, ry, power=2.0):
    """Positive inside an ellipse, in units of its radius."""
    return 1 - (np.abs((x - cx) / rx) ** power + np.abs((y - cy) / ry) ** power) ** (1 / power)


def draw(who, height, width, cx, cy, size, side=0.4, tint=(1.0, 1.0, 1.0), ambient=0.62, sharp=2):
    """The person with the face's middle at (cx, cy) and a face box `size` pixels wide. `side` is where the
    light comes from (-1 left, 1 right). Returns colour FP32 [h, w, 3] in 0..1 and alpha FP32 [h, w]."""
    h, w = height * sharp, width * sharp
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    # Face coordinates: the face box is one unit wide, its middle at 0.
    x = ((xx + 0.5) / sharp - cx) / size
    y = ((yy + 0.5) / sharp - cy) / size
    px = 1.3 / (size * sharp)
    rgb = np.zeros((h, w, 3), np.float32)
    alpha = np.zeros((h, w), np.float32)

    def paint(colour, cover):
        nonlocal rgb, alpha
        cover = cover[..., None]
        rgb = rgb * (1 - cover) + np.asarray(colour, np.float32) * cover
        alpha = np.maximum(alpha, cover[..., 0])

    def lit(base, nx, ny, gloss=0.0):
        """Lambert with a wrap, from above and from the side."""
        nz = np.sqrt(np.clip(1 - nx ** 2 - ny ** 2, 0.02, 1))
        lamp = np.clip(0.50 * side * nx - 0.42 * ny + 0.76 * nz, 0, 1.2)
        v = ambient + (1 - ambient) * 1.25 * lamp
        c = np.asarray(base)[None, None] * v[..., None] * np.asarray(tint)
        return np.clip(c + gloss * lamp[..., None] ** 18 * np.asarray(tint), 0, 1)

    half, skin, hair = who["width"] / 2, who["skin"], who["hair"]
    strand = np.sin(x * 60 + 9 * np.sin(y * 5 + who["wave"]) + 3 * np.sin(x * 23)) * 0.5 + 0.5

    def hair_colour(cx0, cy0, r):
        c = lit(hair * 1.15, (x - cx0) / r, (y - cy0) / r)
        shine = np.exp(-((y - cy0 + 0.30 * r) / (0.22 * r)) ** 2) * 0.20
        return np.clip(c * (0.78 + 0.35 * strand[..., None]) + (shine * strand)[..., None] * np.asarray(tint), 0, 1)

    # Hair behind the head.
    top = -0.56 - who["hair_high"] * 0.55
    back = blob(x, y, 0, -0.12, half + 0.11, -0.12 - top + 0.02, 2.3)
    reach = 0.15 + 0.85 * who["hair_long"]
    if who["hair_long"] > 0.35:
        wide = half + 0.115 + 0.025 * np.sin(y * 7 + who["wave"]) + 0.05 * np.clip(y, 0, 1)
        fall = np.minimum(np.minimum(wide - np.abs(x), y + 0.35), reach - y + 0.04 * np.sin(x * 40))
        back = np.maximum(back, fall * 2)
    paint(hair_colour(0, -0.1, 0.75) * 0.72, soft(back, px * 6))

    # Shoulders, then neck.
    slope = 0.76 + 0.30 * (np.abs(x) / who["shoulder"]) ** 2.4
    torso = np.minimum(y - slope, (who["shoulder"] + 0.10 * (y - 0.76)) - np.abs(x))
    torso_c = lit(who["cloth"], np.clip(x / who["shoulder"], -1, 1) * 0.85, np.clip(-(1.15 - y), -0.5, 0.1))
    fold = 0.93 + 0.07 * np.sin(x * 9 + 3 * np.sin(y * 3 + who["wave"]))
    paint(torso_c * fold[..., None], soft(torso, px * 3))
    neck = np.minimum(half * 0.62 + 0.10 * np.clip(y - 0.60, 0, 1) ** 2 * 5 - np.abs(x),
                      np.minimum(y - 0.2, 0.96 - y - 0.4 * x ** 2))
    neck_c = lit(skin * 0.93, np.clip(x / (half * 0.75), -1, 1) * 0.9, 0 * y)
    neck_c *= (1 - 0.42 * soft(0.74 - y, 0.30))[..., None]
    paint(neck_c, soft(neck, px * 3))
    if who["collar"] == 0:
        vee = np.minimum(y - 0.76, 0.30 - np.abs(x) - 0.62 * (y - 0.76))
        paint(neck_c * 0.97, soft(vee, px * 3) * soft(0.24 - np.abs(x), 0.02))
    else:
        band = np.minimum(0.055 - np.abs(y - 0.86 + 0.45 * x ** 2), half * 0.84 - np.abs(x))
        paint(torso_c * (1.25 if who["collar"] == 1 else 0.72), soft(band, px * 4))

    # Ears and head.
    for s in (-1, 1):
        ear = blob(x, y, s * (half + 0.015), 0.02, 0.055, 0.13)
        paint(lit(skin * 0.90, np.clip((x - s * half) / 0.1, -1, 1) * 0.6, 0 * y), soft(ear * 0.06, px * 2))
    taper = 1 - (1 - who["jaw"]) * np.clip(y / 0.62, 0, 1) ** 1.6
    hx = x / (half * taper)
    hy = np.where(y < 0, y / 0.60, y / 0.645)
    head = 1 - (np.abs(hx) ** 2.35 + np.abs(hy) ** 2.35) ** (1 / 2.35)
    face_c = lit(skin, np.clip(hx, -1, 1) * 0.86, np.clip(hy, -1, 1) * 0.62, 0.10)
    for s in (-1, 1):
        blush = np.exp(-(((x - s * 0.215) / 0.12) ** 2 + ((y - 0.20) / 0.10) ** 2))
        face_c += (blush * 0.055)[..., None] * np.array([1.0, 0.25, 0.2])
        socket = np.exp(-(((x - s * who["eye_gap"] / 2 * 1.25) / 0.135) ** 2 + ((y + 0.085) / 0.085) ** 2))
        face_c *= (1 - 0.30 * socket)[..., None]
    bridge = np.exp(-((x + 0.006 * side) / 0.040) ** 2) * soft(y + 0.16, 0.12) * soft(who["nose_long"] - y, 0.12)
    face_c *= (1 + 0.12 * bridge)[..., None]
    flank = np.exp(-((x + side * 0.075) / 0.035) ** 2) * soft(y + 0.02, 0.2) * soft(who["nose_long"] + 0.02 - y, 0.08)
    face_c *= (1 - 0.16 * flank)[..., None]
    under = np.exp(-((x / who["nose"]) ** 2 + ((y - who["nose_long"] - 0.035) / 0.032) ** 2))
    face_c *= (1 - 0.26 * under)[..., None]
    chin = np.exp(-((x / 0.13) ** 2 + ((y - 0.485) / 0.03) ** 2))
    face_c *= (1 - 0.14 * chin)[..., None]
    if who["beard"]:
        zone = soft(np.abs(hx) * 0.35 + (y - 0.30), 0.22) * soft(head, 0.03)
        zone *= 0.80 + 0.1 * strand * soft(y - 0.2, 0.2)
        face_c = face_c * (1 - zone[..., None]) + hair * 0.9 * zone[..., None]
    paint(np.clip(face_c, 0, 1), soft(head * half, px * 3))
    inside = soft(head * half, px * 3)

    # Eyes.
    for s in (-1, 1):
        ex, ey, r = s * who["eye_gap"] / 2 * 1.22, -0.075, who["eye_size"]
        white = blob(x, y, ex, ey, r, r * 0.50, 1.8)
        shut = soft(white * r, px * 2)
        paint(np.array([0.93, 0.92, 0.90]) * np.asarray(tint) * (0.70 + 0.3 * ambient), shut * 0.96)
        d = np.sqrt((x - ex) ** 2 + (y - ey) ** 2)
        paint(who["iris"] * np.asarray(tint), shut * soft(r * 0.50 - d, px * 2))
        paint(np.array([0.02, 0.02, 0.02]), shut * soft(r * 0.24 - d, px * 2))
        glint = np.sqrt((x - ex - side * 0.02) ** 2 + (y - ey + 0.018) ** 2)
        paint(np.array([1.0, 1.0, 1.0]), shut * soft(r * 0.10 - glint, px * 2))
        lid = np.abs(y - (ey - r * 0.50 * np.sqrt(np.clip(1 - ((x - ex) / (r * 1.1)) ** 2, 0, 1)))) - 0.011
        paint(hair * 0.35, soft(-lid, px * 3) * soft(r * 1.12 - np.abs(x - ex), px * 4) * 0.9)
        crease = np.abs(y - (ey - r * 0.86 * np.sqrt(np.clip(1 - ((x - ex) / (r * 1.3)) ** 2, 0, 1)))) - 0.004
        paint(skin * 0.62, soft(-crease, 0.012) * soft(r * 1.1 - np.abs(x - ex), 0.03) * 0.55)
        arch = ey - r * 1.35 - 0.045 * (1 - ((x - ex) / (r * 1.5)) ** 2) + who["brow_tilt"] * s * (x - ex)
        brow = who["brow"] * (1 - 0.35 * np.clip(s * (x - ex) / (r * 1.5), -1, 1)) - np.abs(y - arch)
        paint(hair * 0.75, soft(brow, 0.025) * soft(r * 1.22 - np.abs(x - ex), 0.05) * (0.70 + 0.25 * strand))
        nostril = blob(x, y, s * who["nose"] * 0.52, who["nose_long"] + 0.008, 0.026, 0.014)
        paint(skin * 0.40, soft(nostril * 0.02, px * 3 + 0.006) * 0.85)
        wing = np.abs(np.sqrt((x - s * who["nose"] * 0.62) ** 2 + (y - who["nose_long"] + 0.022) ** 2) - 0.046) - 0.004
        paint(skin * 0.70, soft(-wing, 0.012) * soft(s * x - who["nose"] * 0.75, 0.03) * 0.5)

    # Mouth.
    m = who["mouth"]
    line = 0.365 - who["smile"] * ((x / m) ** 2 - 0.35)
    wide = np.sqrt(np.clip(1 - (x / m) ** 2, 0, 1))
    lip = np.clip(skin * np.array([0.86, 0.55, 0.53]) + np.array([0.10, -0.02, -0.02]) * who["red"] * 2, 0, 1)
    upper = np.minimum(line - y, y - (line - who["lips"] * wide * (1 - 0.25 * np.exp(-(x / 0.03) ** 2))))
    lower = np.minimum(y - line, line + who["lips"] * 1.25 * wide - y)
    paint(lip * 0.86 * np.asarray(tint), soft(upper, px * 3) * (wide > 0) * 0.9)
    gloss = lip[None, None] * (1.03 + 0.22 * np.exp(-((y - line - 0.03) / 0.012) ** 2 - (x / (m * 0.5)) ** 2))[..., None]
    paint(np.clip(gloss * np.asarray(tint), 0, 1), soft(lower, px * 3) * (wide > 0) * 0.9)
    paint(skin * 0.30, soft(0.006 - np.abs(y - line), 0.010) * soft(m - np.abs(x), 0.02) * 0.9)

    # Hair over the forehead, parted.
    edge = -0.36 - 0.10 * np.cos((x - who["part"] * half) * 4.2) + 0.16 * who["fringe"] * np.abs(x - who["part"] * half) / half
    edge = edge + 0.22 * soft(np.abs(x) - half * 0.78, 0.14) * (0.5 + who["hair_long"]) + 0.012 * np.sin(x * 55 + who["wave"])
    cap = np.minimum(blob(x, y, 0, -0.12, half + 0.085, -0.12 - top, 2.3), (edge - y) * 1.5)
    paint(hair_colour(0.1 * side, -0.25, 0.55), soft(cap, px * 5 + 0.008))
    shadow = soft(y - edge, 0.02) * soft(edge + 0.07 - y, 0.08) * inside * 0.20
    rgb *= (1 - shadow)[..., None]

    if who["glasses"]:
        for s in (-1, 1):
            ex = s * who["eye_gap"] / 2 * 1.22
            ring = np.abs(blob(x, y, ex, -0.065, 0.150, 0.115, 3.0)) * 0.13 - 0.008
            paint(np.array([0.10, 0.09, 0.09]), soft(-ring, px * 3))
        bar = np.minimum(0.008 - np.abs(y + 0.085), who["eye_gap"] / 2 * 1.22 - 0.145 - np.abs(x))
        paint(np.array([0.10, 0.09, 0.09]), soft(bar, px * 3))

    if sharp > 1:
        pre = rgb * alpha[..., None]
        pre = pre.reshape(height, sharp, width, sharp, 3).mean((1, 3))
        alpha = alpha.reshape(height, sharp, width, sharp).mean((1, 3))
        rgb = pre / np.maximum(alpha, 1e-3)[..., None]
    return np.clip(rgb, 0, 1).astype(np.float32), alpha.astype(np.float32)


def place(random, height, width, smallest=0.16, largest=0.34):
    """A usual place of a person in a picture: (cx, cy, size)."""
    size = random.uniform(smallest, largest) * width
    cx = random.uniform(0.28, 0.72) * width
    cy = random.uniform(0.30, 0.55) * height
    return cx, cy, size


if __name__ == "__main__":
    import sys
    from PIL import Image
    random = np.random.default_rng(7)
    tiles = []
    for _ in range(12):
        rgb, a = draw(person(random), 300, 260, 130, 130, 105, side=random.uniform(-1, 1))
        tiles.append(rgb * a[..., None] + np.array([0.62, 0.70, 0.74]) * (1 - a[..., None]))
    sheet = np.concatenate([np.concatenate(tiles[i:i + 6], 1) for i in (0, 6)], 0)
    Image.fromarray((sheet * 255).astype(np.uint8)).save(sys.argv[1])
