"""The pages in a real browser: sliders move, tables sort, nothing complains."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import bench_results as made
import numpy as np
import pytest
from browser import browser, complaints, require, resize, visit

from vinpaint.benchmarks.report import write_report
from vinpaint.benchmarks.report.compare import compare_page
from vinpaint.refiner.synthetic import moving_scene
from vinpaint.video.clips import write_lossless

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    require()
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made.write_pictures(folder)
    write_report(made.usual(), folder, made.results(made.suite("stains", made.QUALITY | {"auto": 39.0})))
    return folder / "report.html"


@pytest.fixture
def page(driver: Any, report: Path) -> Any:
    resize(driver, 1280, 900)
    visit(driver, report)
    yield driver
    assert complaints(driver) == []


def find(driver: Any, selector: str) -> Any:
    return driver.find_element("css selector", selector)


def press(driver: Any, target: Any) -> None:
    """Click an element, or what a selector finds, as a person would: seen first."""
    element = find(driver, target) if isinstance(target, str) else target
    look = "arguments[0].scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'})"
    driver.execute_script(look, element)
    element.click()


def border(driver: Any, selector: str) -> float:
    """Where the border of a slider stands, in percent."""
    script = "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue('--x')"
    return float(driver.execute_script(script, selector).strip().rstrip("%"))


def loaded(driver: Any, selector: str) -> list[int]:
    """Widths of pictures once they are decoded: 0 = broken."""
    script = (
        "const done = arguments[1]; const all = [...document.querySelectorAll(arguments[0])];"
        "Promise.all(all.map((one) => one.decode().then(() => one.naturalWidth, () => 0))).then(done)"
    )
    return list(driver.execute_async_script(script, selector))


def test_the_slider_follows_the_pointer_and_the_keys(page: Any) -> None:
    from selenium.webdriver import ActionChains, Keys

    stage = "#stains-viewer .stage"
    assert border(page, stage) == pytest.approx(25, abs=0.2)  # where the hole is
    element = find(page, stage)
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    width = element.size["width"]
    ActionChains(page).move_to_element(element).click_and_hold().move_by_offset(
        round(0.3 * width), 0
    ).release().perform()
    assert border(page, stage) == pytest.approx(80, abs=1.5)
    find(page, f"{stage} input").send_keys(Keys.HOME)
    assert border(page, stage) == 0


def test_the_slider_shows_two_pictures(page: Any) -> None:
    images = loaded(page, "#stains-viewer .stage img")
    assert images == [216, 216]
    names = [find(page, f"#stains-viewer .tagline.{side}").text for side in "lr"]
    assert names == ["input", "auto"]


def test_pictures_and_clips_can_be_chosen(page: Any) -> None:
    from selenium.webdriver.support.ui import Select

    over = "return document.querySelector('#stains-viewer .over img').src"
    first = page.execute_script(over)
    selects = page.find_elements("css selector", "#stains-viewer select")
    assert [option.text for option in Select(selects[1]).options][:2] == ["truth", "input"]
    Select(selects[1]).select_by_visible_text("telea")
    assert page.execute_script(over) != first
    assert find(page, "#stains-viewer .tagline.r").text == "telea"
    tabs = page.find_elements("css selector", "#stains-viewer .tabs button")
    assert len(tabs) == 3
    press(page, tabs[1])
    assert [tab.get_attribute("aria-pressed") for tab in tabs] == ["false", "true", "false"]
    assert find(page, "#stains-viewer .tagline.r").text == "telea"


def test_the_origin_of_pixels_can_be_switched_on(page: Any) -> None:
    button = find(page, "#stains-viewer .origin")
    press(page, button)
    assert find(page, "#stains-viewer .tagline.r").text == "auto: origin of pixels"
    assert button.get_attribute("aria-pressed") == "true"
    press(page, button)
    assert find(page, "#stains-viewer .tagline.r").text == "auto"


def test_tables_sort(page: Any) -> None:
    def methods() -> list[str]:
        rows = page.find_elements("css selector", "#stains tbody tr")
        return [row.find_element("css selector", "th").get_attribute("data-value") for row in rows]

    head = page.find_elements("css selector", "#stains thead th")[1]
    press(page, head.find_element("css selector", "button"))
    assert methods() == ["auto", "telea", "input", "unet"]
    assert head.get_attribute("aria-sort") == "descending"
    press(page, head.find_element("css selector", "button"))
    assert methods() == ["unet", "input", "telea", "auto"]
    press(page, "#stains thead button")
    assert methods() == ["auto", "input", "telea", "unet"]


def test_the_worst_frame_opens(page: Any) -> None:
    link = find(page, "#stains tr.ours .link")
    press(page, link)
    assert "at its worst: clip0 <one>, frame 2" in find(page, "dialog .said").text
    assert loaded(page, "dialog .stage img") == [216, 216]
    press(page, "dialog .close")
    assert not find(page, "dialog").is_displayed()


def test_slices_and_charts_are_drawn(page: Any) -> None:
    assert min(loaded(page, "#stains .slices:not([hidden]) img")) > 0
    boxes = page.execute_script(
        "return [...document.querySelectorAll('.chart')].map((one) => one.getBoundingClientRect().width)"
    )
    assert len(boxes) == 4
    assert min(boxes) > 300


def test_before_and_now(page: Any) -> None:
    assert find(page, "#changes .pill").text == "better"


def test_light_and_dark(page: Any, report: Path) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.execute_script(ground)
    find(page, ".theme").click()
    dark = page.execute_script(ground)
    assert dark != light
    visit(page, report)  # it is remembered
    assert page.execute_script(ground) == dark
    page.execute_script("localStorage.clear()")
    resize(page, 1280, 900, dark=True)
    visit(page, report)
    assert page.execute_script(ground) == dark


def test_a_phone_needs_no_scrolling_sideways(page: Any, report: Path) -> None:
    resize(page, 390, 844)
    visit(page, report)
    assert page.execute_script("return document.documentElement.scrollWidth") == 390
    sizes = page.execute_script(
        "return [...document.querySelectorAll('p, td, .tile')].map((one) => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 12


def test_the_network_is_forbidden(page: Any) -> None:
    script = (
        "const done = arguments[0]; const one = new Image(); one.onload = () => done('loaded');"
        "one.onerror = () => done('refused'); one.src = 'http://127.0.0.1:9/picture.png'"
    )
    assert page.execute_async_script(script) == "refused"
    assert any("Content Security Policy" in text for text in complaints(page))


# ---------------------------------------------------------------- vinpaint compare


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A clip, the same but for a patch, and the truth."""
    folder = tmp_path_factory.mktemp("clips")
    truth = moving_scene(6, 96, 160, seed=2)
    near, far = truth.copy(), truth.copy()
    near[:, 40:60, 100:130] = np.clip(truth[:, 40:60, 100:130], 4, 255) - 4
    far[:, 40:60, 100:130] = 255
    far[4, 10:90, 100:130] = 255
    for name, frames in (("near", near), ("far", far), ("truth", truth)):
        write_lossless(folder / f"{name}.mkv", frames, Fraction(25))
    return folder / "near.mkv", folder / "far.mkv", folder / "truth.mkv"


def test_compare(driver: Any, clips: tuple[Path, Path, Path], tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    near, far, truth = clips
    page = tmp_path / "page.html"
    page.write_text(compare_page(near, far, truth)[0])
    resize(driver, 1280, 900)
    visit(driver, page)
    assert "near.mkv is" in find(driver, "h1").text
    assert loaded(driver, ".stage img") == [160, 160]
    assert find(driver, "#number").text == "frame 5"  # the largest difference
    assert [find(driver, f".tagline.{side}").text for side in "lr"] == ["near.mkv", "far.mkv"]
    ActionChains(driver).send_keys(Keys.ARROW_RIGHT).perform()
    assert find(driver, "#number").text == "frame 6"
    press(driver, "#most")
    assert find(driver, "#number").text == "frame 5"
    for view, shown in (("pair", ".pair"), ("difference", ".stage.difference"), ("slider", ".stage .knob")):
        press(driver, f"[data-view={view}]")
        assert find(driver, shown).is_displayed()
    find(driver, ".stage input").send_keys(Keys.END)
    assert border(driver, ".stage") == 100
    press(driver, "#play")
    assert find(driver, "#play").text == "Pause"
    press(driver, "#play")
    assert complaints(driver) == []
