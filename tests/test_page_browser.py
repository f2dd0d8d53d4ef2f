"""The HTML report in headless Chromium, from disk: it draws, what is clicked moves it, and nothing leaves the machine.

With POCKETVOX_SCREENSHOTS=docs/figures the pictures of the documentation are made anew.
"""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from pocketvox.pipeline import scan
from pocketvox.report import page, page_data, write_result

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser tests")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"),
    pytest.mark.skipif(
        not (Path(page.__file__).parent / "page_assets" / page._VIEWER).is_file(), reason="built without 3Dmol.js"
    ),
]
#: Software rendering, and nothing that Chromium does by itself on the network.
FLAGS = (
    "--no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def scanned(demo_file):
    return scan(demo_file)


@pytest.fixture(scope="module")
def folder(scanned, tmp_path_factory):
    return write_result(scanned, tmp_path_factory.mktemp("report") / "1hvr", report=True)


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser, path, **options):
    """The page, ready, with everything it said and asked for; its content security policy stays in force."""
    opened = browser.new_page(viewport={"width": 1300, "height": 860}, **options)
    opened.heard = []
    opened.on("console", lambda message: opened.heard.append(f"console: {message.text}"))
    opened.on("pageerror", lambda error: opened.heard.append(f"error: {error}"))
    opened.on("request", lambda request: opened.heard.append(f"request: {request.url}"))
    opened.goto(path.as_uri())
    end = time.monotonic() + 120
    while not opened.evaluate("Boolean(window.pocketvox && window.pocketvox.ready)"):
        assert time.monotonic() < end, opened.heard
        time.sleep(0.1)
    return opened


@pytest.fixture(scope="module")
def report(chromium, folder):
    opened = open_page(chromium, folder / "report.html")
    yield opened
    opened.close()


def frames(opened):
    """Wait until what has happened is drawn: the page draws in the next frame, when the browser finds time for it."""
    opened.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))))"
    )


def pixels(opened) -> bytes:
    frames(opened)
    return opened.locator("#view canvas").first.screenshot()


def centre(opened) -> np.ndarray:
    return -np.array(opened.evaluate("pocketvox.viewer.getView()"))[:3]


def mesh(opened, number: int) -> np.ndarray:
    """Vertices of the drawn surfaces of a channel, shape=(n, 3), angstrom."""
    found = opened.evaluate(
        "(k) => pocketvox.surfaces[k].shapes.flatMap((shape) => shape.geo.geometryGroups"
        ".flatMap((group) => [...group.vertexArray.slice(0, 3 * group.vertices)]))",
        number,
    )
    return np.array(found).reshape(-1, 3)


def move(opened, selector: str, value: float):
    """Move a slider, as its keys and the mouse do."""
    opened.evaluate(
        "([s, v]) => { const i = document.querySelector(s); i.value = v; i.dispatchEvent(new Event('input')); }",
        [selector, value],
    )
    frames(opened)


def test_it_draws_and_asks_for_nothing(report, folder):
    """Structure, surfaces and hot-spots; not a word on the console, no request but for the page itself."""
    drawn = pixels(report)
    for name in ("cartoon", "lining", "hetero", "hotspots"):
        report.uncheck(f"#show-{name}")
        assert pixels(report) != drawn, name
        report.check(f"#show-{name}")
    assert report.evaluate("pocketvox.viewer.selectedAtoms({}).length") > 1500
    assert report.heard == [f"request: {(folder / 'report.html').as_uri()}"]
    pictures = os.environ.get("POCKETVOX_SCREENSHOTS")
    if pictures:
        report.click("[data-pocket='0']")
        frames(report)
        report.screenshot(path=f"{pictures}/report.png")


def test_a_click_on_a_row_moves_the_camera(report, scanned):
    """To the hot-spot, whose row is marked; and to the pocket, and back to everything."""
    before = report.evaluate("pocketvox.viewer.getView()")
    report.click("[data-hotspot='4']")
    assert centre(report) == pytest.approx(np.array(scanned.hotspots[4].coord), abs=2e-3)
    assert report.evaluate("pocketvox.viewer.getView()") != before
    assert report.locator("tr.chosen [data-hotspot]").get_attribute("data-hotspot") == "4"
    assert "Hot-spot 5" in report.inner_text("#message")
    report.click("[data-pocket='0']")
    assert centre(report) == pytest.approx(np.array(scanned.pockets[0].center), abs=2e-3)
    report.click("#reset")
    assert report.locator("tr.chosen").count() == 0


def test_a_click_on_a_sphere_marks_its_row(report, scanned):
    """The other way round: what is clicked in the view is found in the table."""
    report.click("[data-hotspot='1']")
    report.uncheck("#show-cartoon")
    report.uncheck("#show-hetero")
    place = dict(zip("xyz", map(float, scanned.hotspots[1].coord), strict=True))
    report.evaluate("pocketvox.viewer.removeAllLabels()")
    report.evaluate("document.querySelectorAll('tr.chosen').forEach((row) => row.classList.remove('chosen'))")
    report.evaluate("scrollTo(0, 0)")
    at = report.evaluate("(place) => pocketvox.viewer.modelToScreen(place)", place)
    report.mouse.click(at["x"], at["y"])
    frames(report)
    assert report.locator("tr.chosen [data-hotspot]").get_attribute("data-hotspot") == "1"
    report.check("#show-cartoon")
    report.check("#show-hetero")


def test_a_slider_changes_the_surface(report):
    """A lower threshold encloses more; opacity changes the picture, not the mesh; unchecked, it goes."""
    k = report.evaluate("pocketvox.surfaces.findIndex((s) => s.shown.dataset.channel === 'hbond_acceptor')")
    small, seen = mesh(report, k), pixels(report)
    move(report, "[data-level='hbond_acceptor']", 0.15)
    large = mesh(report, k)
    assert np.ptp(large, axis=0).max() > np.ptp(small, axis=0).max() and len(large) > len(small)
    assert pixels(report) != seen
    seen = pixels(report)
    move(report, "[data-opacity='hbond_acceptor']", 0.2)
    assert np.array_equal(mesh(report, k), large) and pixels(report) != seen
    report.uncheck("[data-channel='hbond_acceptor']")
    frames(report)
    assert len(mesh(report, k)) == 0
    report.check("[data-channel='hbond_acceptor']")


def test_surfaces_lie_where_the_map_has_the_threshold(report, scanned):
    """The map, interpolated at the vertices, against the level: by scipy, from the values that the scan returned."""
    k = scanned.maps.channels.index("ligand")
    move(report, "[data-level='ligand']", 0.4**0.5)
    frames(report)
    vertices = mesh(report, k)
    values = scanned.maps.values[..., k]
    found = map_coordinates(values, scanned.maps.grid.to_index(vertices).T, order=1)
    assert len(vertices) > 100
    assert abs(np.median(found) - 0.4) < 0.02 and np.abs(found - 0.4).mean() < 0.05
    above = scanned.maps.grid.to_coord(np.argwhere(values > 0.4))
    assert np.abs(vertices.min(axis=0) - above.min(axis=0)).max() < 0.75  # the surface encloses those voxels, tightly
    assert np.abs(vertices.max(axis=0) - above.max(axis=0)).max() < 0.75
    assert (vertices.min(axis=0) <= above.min(axis=0)).all() and (vertices.max(axis=0) >= above.max(axis=0)).all()
    report.uncheck("[data-channel='ligand']")


def test_keys_do_what_the_mouse_does(report, scanned):
    """Arrows turn, plus zooms, Enter on a row chooses it, Escape shows all."""
    report.focus("#view")
    view = report.evaluate("pocketvox.viewer.getView()")
    report.keyboard.press("ArrowRight")
    turned = report.evaluate("pocketvox.viewer.getView()")
    assert turned[4:] != view[4:] and turned[:3] == view[:3]
    report.keyboard.press("+")
    assert report.evaluate("pocketvox.viewer.getView()")[3] != turned[3]
    report.focus("[data-hotspot='2']")
    report.keyboard.press("Enter")
    assert centre(report) == pytest.approx(np.array(scanned.hotspots[2].coord), abs=2e-3)
    report.focus("#view")
    report.keyboard.press("Escape")
    assert report.locator("tr.chosen").count() == 0


def test_filters_hide_rows(report, scanned):
    report.select_option("#filter-type", "hbond_donor")
    visible = report.locator("#hotspots tbody tr:visible").count()
    assert visible == sum(h.type == "hbond_donor" for h in scanned.hotspots)
    report.select_option("#filter-type", "")
    assert report.locator("#hotspots tbody tr:visible").count() == len(scanned.hotspots)


@pytest.mark.parametrize("name", ["hotspots.csv", "maps.h5"])
def test_downloads_are_the_files(report, folder, name, tmp_path):
    with report.expect_download() as waiting:
        report.click(f"[data-file='{name}']")
    waiting.value.save_as(tmp_path / name)
    assert waiting.value.suggested_filename == name
    assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_print_shows_a_picture_of_the_view(report):
    """What is drawn is drawn by WebGL, which printers do not get."""
    report.evaluate("dispatchEvent(new Event('beforeprint'))")
    report.emulate_media(media="print")
    frames(report)
    assert report.locator("#print").is_visible() and not report.locator("#view").is_visible()
    assert report.evaluate("document.querySelector('#print').naturalWidth") > 300
    report.emulate_media(media="screen")


def test_narrow_windows_show_everything_below_each_other(report):
    report.set_viewport_size({"width": 600, "height": 800})
    assert report.evaluate("document.documentElement.scrollWidth") <= 600
    report.set_viewport_size({"width": 1300, "height": 860})


def test_without_a_viewer_or_webgl_the_rest_works(chromium, scanned, tmp_path, monkeypatch):
    """A build without 3Dmol.js says what is missing; tables and rows work."""
    monkeypatch.setattr(page, "_VIEWER", "absent.js")
    opened = open_page(chromium, write_result(scanned, tmp_path / "r", report=True) / "report.html")
    assert "without 3Dmol.js" in opened.inner_text("#view")
    opened.click("[data-hotspot='0']")
    assert "Hot-spot 1" in opened.inner_text("#message")
    assert not [word for word in opened.heard if not word.startswith("request: file:")]
    opened.close()


def test_traces_and_boxes_draw_as_well(chromium, scanned, tmp_path, monkeypatch):
    """What large structures are reduced to."""
    monkeypatch.setattr(page_data, "MOST_ATOMS", 500)
    monkeypatch.setattr(page_data, "MOST_VOXELS", 1000)
    path = write_result(scanned, tmp_path / "r", report=True) / "report.html"
    opened = open_page(chromium, path)
    atoms = opened.evaluate("pocketvox.viewer.selectedAtoms({}).length")
    assert 198 < atoms < 1000
    assert len(mesh(opened, scanned.maps.channels.index("hbond_acceptor"))) > 20
    assert opened.heard == [f"request: {path.as_uri()}"]
    opened.close()


def test_data_of_the_page_is_json(folder):
    """Readable by anybody's program, not only by the page's."""
    text = (folder / "report.html").read_text()
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert {"channels", "boxes", "structure", "pockets", "hotspots", "files"} <= set(data)
