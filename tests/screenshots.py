"""The pictures in docs/: the sample report and its cases, as a browser shows them.

    python tests/screenshots.py            # needs chromium; writes docs/report-*.png

Pictures are reduced to 256 colours, which a page of text does not miss.
"""

from __future__ import annotations

import base64
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
SAMPLE = (ROOT / "reports" / "quickstart.html").as_uri()
CASES = "#show=flips&against=plain%2Flocal%2Fthink-32"
PICTURES = {
    "report-light": (SAMPLE, 1120, 840, "light", None),
    "report-dark": (SAMPLE, 1120, 840, "dark", None),
    "report-phone": (SAMPLE, 390, 844, "light", None),
    "report-charts": (SAMPLE, 820, 700, "light", "#thinking"),
    "report-cases": (SAMPLE + CASES, 1280, 800, "light", "#browser"),
}
_PIXELS = """async (data) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const bytes = context.getImageData(0, 0, image.width, image.height).data;
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) {
        text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return [image.width, image.height, btoa(text)];
}"""


def reduced(page: Page, png: bytes) -> bytes:
    """The same picture with its 256 most frequent colours, others as the nearest of these."""
    width, height, text = page.evaluate(_PIXELS, base64.b64encode(png).decode())
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 4)[:, :3].astype(np.int64)
    # Shades nearer than a fourth of what the eye tells apart are one.
    keys = (pixels >> 2) @ np.array([4096, 64, 1])
    found, first, inverse, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    chosen = first[np.argsort(-counts)[:256]]
    palette = pixels[chosen]
    apart = ((pixels[first][:, None] - palette[None]) ** 2).sum(axis=2)
    indices = apart.argmin(axis=1).astype(np.uint8)[inverse].reshape(height, width)
    lines = np.zeros((height, width + 1), np.uint8)  # a filter byte of 0 before each line
    lines[:, 1:] = indices
    assert len(found) == len(first)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def taken(browser: Browser, name: str) -> bytes:
    """One picture."""
    url, width, height, scheme, anchor = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#browser[data-ready]")
    page.wait_for_selector("#detail h3")
    if anchor:
        page.evaluate("id => document.querySelector(id).scrollIntoView()", anchor)
    png = page.screenshot()
    context.close()
    blank = browser.new_page()
    small = reduced(blank, png)
    blank.close()
    return small


def main() -> None:
    """Take them all."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in PICTURES:
            path = ROOT / "docs" / f"{name}.png"
            path.write_bytes(taken(browser, name))
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")
        browser.close()


if __name__ == "__main__":
    main()
