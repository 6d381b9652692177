"""The pictures of the page on plots are drawn by its code."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from studies import gallery

PAGE = """
```python
import matplotlib.pyplot as plt
axes = plt.subplots(figsize=(2, 2))[1]
```

```python
axes.set_title("one")
```

![A picture](../assets/plot-one.svg)

```python
twice = axes.get_title() * 2
plt.subplots(figsize=(2, 2))[1].set_title(twice)
```

![A picture](../assets/plot-two.svg)
"""


def test_a_picture_is_what_the_code_above_it_draws(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    with mpl.rc_context({"backend": "agg", "svg.fonttype": "none"}):
        stored = gallery.draw(page, tmp_path)
    assert [each.name for each in stored] == ["plot-one.svg", "plot-two.svg"]
    one, two = (each.read_text(encoding="utf-8") for each in stored)
    assert ">one<" in one
    assert ">oneone<" in two


def test_pictures_of_the_page_are_stored() -> None:
    page = gallery.PAGE.read_text(encoding="utf-8")
    pictures = [block["picture"] for block in gallery.BLOCK.finditer(page) if block["picture"]]
    assert len(pictures) == page.count("../assets/")
    assert all((gallery.PAGE.parent / each).is_file() for each in pictures)
