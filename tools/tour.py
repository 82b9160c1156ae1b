"""Takes the tour as a person would, photographs every stop and says how long it took until there were equations.

xvfb-run -a -s "-screen 0 1600x1000x24" python tools/tour.py docs/images
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.screenshots import Photographer

_READING = 2.0
"""Seconds a person reads a card before the next click."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    camera = Photographer(arguments.folder)
    tour = camera.session.tour
    camera.photograph("tour-offer")
    camera.window.start_page.offer.accept_button.click()
    began, drawing, seen = time.monotonic(), 0.0, set[str]()
    while (state := tour.state()).stop:
        here = state.stop
        camera.wait(lambda: True, rest=_READING)
        paused = time.monotonic()
        if here not in seen and here != "opening":
            seen.add(here)
            camera.photograph(f"tour-{here}")
        drawing += time.monotonic() - paused
        if here == "equations":
            reached = time.monotonic() - began
            print(f"equations after {reached:.1f} s, {drawing:.1f} s of which went into photographs")
            if camera.session.project.distillation is not None:
                print(camera.session.project.distillation.sentence)
        if state.action:
            camera.window.tour.next_button.click()
        else:
            camera.wait(lambda here=here: tour.state().stop != here)
    camera.close()


if __name__ == "__main__":
    main()
