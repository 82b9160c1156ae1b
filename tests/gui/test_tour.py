from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, Qt
from pytestqt.qtbot import QtBot

from ndestudio.gui.main_window import MainWindow
from ndestudio.session.session import Session


def test_the_tour_points_at_real_controls_and_can_be_left(
    window: MainWindow, session: Session, qtbot: QtBot, settle: Callable[[], None]
):
    card, offer = window.tour, window.start_page.offer
    assert offer.isVisible()
    assert not card.isVisible()
    offer.accept_button.click()
    settle()
    assert not offer.isVisible()
    assert (card.title.text(), card.isVisible()) == ("Measurements", True)
    control = window.views["data"].continue_button  # type: ignore[attr-defined]
    place = QRect(control.mapTo(window, QPoint(0, 0)), control.size())
    assert card.ring.geometry().contains(place)
    assert window.rect().contains(card.geometry())
    assert not card.geometry().intersects(place), "the card never covers what it points at"
    qtbot.mouseClick(control, Qt.MouseButton.LeftButton)
    assert session.stage == "model", "the ring lets clicks through"
    assert card.title.text() == "What is known, as text"
    card.next_button.click()
    assert session.stage == "train"
    card.next_button.setFocus()
    qtbot.keyClick(card, Qt.Key.Key_Escape)
    assert not card.isVisible()
    assert not card.ring.isVisible()
    assert session.project.dataset is not None, "the project stays"


def test_it_is_offered_once_and_stays_in_the_menu(window: MainWindow, session: Session, settle: Callable[[], None]):
    window.start_page.offer.decline_button.click()
    assert not window.start_page.offer.isVisible()
    assert session.settings.value.tour_seen
    window.actions_["tour"].trigger()
    settle()
    assert window.tour.isVisible()
    session.tour.leave()
