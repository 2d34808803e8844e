"""Draws the sample scans: typed words, a little noise, a little skew. Run with the project's own environment."""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent.parent
PAGES = {
    "src/shelf/api/samples/anchor.png": ["ANCHOR", "holds while we scrape", "the hull clean"],
    "src/shelf/api/samples/keel.png": ["KEEL", "laid the first", "and the ribs follow"],
    "scans/logbook-1.png": ["14 March, wind SSE", "careened on the sand", "barnacles a hand thick"],
    "scans/logbook-2.png": ["15 March, calm", "scraped from dawn", "and tarred the seams"],
    "scans/logbook-3.png": ["16 March, wind W", "afloat at high water", "two knots faster"],
}


def draw(lines: list[str], seed: int) -> Image.Image:
    random.seed(seed)
    page = Image.new("L", (640, 90 + 70 * len(lines)), 246)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size=44)
    for index, line in enumerate(lines):
        pen.text((46, 46 + 70 * index), line, fill=28, font=font)
    for _ in range(2200):
        pen.point((random.randrange(page.width), random.randrange(page.height)), fill=random.randrange(120, 220))
    return page.rotate(random.uniform(-0.6, 0.6), fillcolor=246).filter(ImageFilter.GaussianBlur(0.6))


for seed, (name, lines) in enumerate(PAGES.items()):
    place = HERE / name
    place.parent.mkdir(parents=True, exist_ok=True)
    draw(lines, seed).save(place, optimize=True)
