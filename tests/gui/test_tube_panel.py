"""The panel of reach tubes: what it asks for and what it shows."""

from __future__ import annotations

from ndestudio.gui.widgets.tube_panel import TubePanel
from ndestudio.reach.config import TubeConfig
from ndestudio.session.distillation.tubes import TubeState
from tests.figures.examples import tube


def test_it_asks_with_what_was_typed_and_says_which_kind_it_shows(qtbot) -> None:
    panel = TubePanel()
    qtbot.addWidget(panel)
    config = TubeConfig(method="interval", radius=0.2, unsafe=("x > 3", "y > 1"))
    panel.show_tube(TubeState(tube(), None, config, "A sentence.", ready=True))
    assert panel.sentence.text() == "A sentence." and "statistical tube" in panel.kind_note.text()
    assert [panel.view_box.itemText(k) for k in range(3)] == ["x over time", "y over time", "y against x"]
    panel.view_box.setCurrentIndex(2)
    with qtbot.waitSignal(panel.asked) as asked:
        panel.make_button.click()
    assert asked.args == ["interval", 0.2, "x > 3; y > 1"]
    panel.radius_edit.setText("wide")
    panel.make_button.click()
    assert "is no number" in panel.sentence.text()
    panel.show_tube(TubeState())
    assert not panel.make_button.isEnabled() and panel.kind_note.text() == ""
