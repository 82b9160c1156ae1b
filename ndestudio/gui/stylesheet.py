"""The style sheet of the window, from the colours of a scheme. Distances are on an 8-pixel grid."""

from __future__ import annotations

from string import Template

from ndestudio.gui.colours import Colours

_SHEET = Template("""
QWidget { color: $text; }
QMainWindow, QDialog { background: $window; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: 4px 8px; }

QLabel[kind="title"] { font-size: 17px; font-weight: 600; }
QLabel[kind="heading"] { font-size: 13px; font-weight: 600; }
QLabel[kind="muted"] { color: $muted; }
QLabel[kind="good"] { color: $good; }
QLabel[kind="warning"] { color: $warning; }
QLabel[kind="error"] { color: $error; }
QLabel[kind="step"] { background: $accent_soft; color: $accent; border-radius: 14px; font-weight: 600; }
QLabel[kind="hero"] { font-size: 26px; font-weight: 600; }
QLabel[kind="badge"] { background: $raised; color: $muted; border-radius: 9px; padding: 1px 8px; }
QLabel[kind="badge-good"] { background: $raised; color: $good; border-radius: 9px; padding: 1px 8px; }
QLabel[kind="badge-warning"] { background: $raised; color: $warning; border-radius: 9px; padding: 1px 8px; }

QFrame[kind="card"] { background: $surface; border: 1px solid $border; border-radius: 8px; }
QFrame[kind="line"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QFrame[kind="banner"] { background: $accent_soft; border: none; border-bottom: 1px solid $accent; }
QFrame[kind="toast"] { background: $raised; border: 1px solid $border; border-radius: 8px; }
QFrame[kind="coach"] { background: $surface; border: 2px solid $accent; border-radius: 10px; }
QFrame[kind="offer"] { background: $accent_soft; border: 1px solid $accent; border-radius: 8px; }
QFrame[kind="drop"] { background: $accent_soft; border: 2px dashed $accent; border-radius: 16px; }
QWidget[kind="rail"] { background: $surface; border-right: 1px solid $border; }

QPushButton {
    background: $surface; border: 1px solid $border; border-radius: 6px; padding: 5px 12px; min-height: 18px;
}
QPushButton:hover { background: $raised; }
QPushButton:pressed { background: $selection; }
QPushButton:disabled { color: $muted; background: $window; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton[kind="primary"] { background: $accent; border: 1px solid $accent; color: $accent_text; font-weight: 600; }
QPushButton[kind="primary"]:hover { background: $text; border-color: $text; color: $surface; }
QPushButton[kind="primary"]:disabled { background: $raised; border-color: $border; color: $muted; }
QPushButton[kind="link"] {
    background: transparent; border: 1px solid transparent; color: $accent; padding: 2px 4px; text-align: left;
}
QPushButton[kind="link"]:hover { text-decoration: underline; }
QPushButton[kind="link"]:focus { border: 1px solid $accent; }
QPushButton[kind="tile"] { text-align: left; padding: 0; min-height: 84px; border-radius: 8px; background: $surface; }
QPushButton[kind="tile"]:hover, QPushButton[kind="tile"]:focus { border: 1px solid $accent; background: $accent_soft; }
QPushButton:checked { background: $accent_soft; border-color: $accent; }

QToolButton { background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 4px; }
QToolButton:hover { background: $raised; }
QToolButton:checked { background: $accent_soft; border-color: $accent; }
QToolButton:focus { border: 1px solid $accent; }
QToolButton::menu-indicator { image: none; }
QToolButton[kind="chip"] {
    background: $surface; border: 1px solid $border; border-radius: 13px; padding: 3px 10px 3px 8px;
}
QToolButton[kind="chip"]:hover { background: $raised; }
QToolButton[kind="chip"]:focus { border: 1px solid $accent; }
QToolButton[kind="chip"][state="guess"] { border: 1px dashed $warning; }
QToolButton[kind="chip"][state="open"] { border: 1px solid $error; }
QPushButton[kind="choice"] {
    text-align: left; padding: 5px 28px 5px 10px; background-image: url($icons/chevron-menu-$name.svg);
    background-repeat: no-repeat; background-position: right center; background-origin: margin;
}
QToolButton[kind="stage"] {
    border-radius: 8px; padding: 8px 4px 6px 4px; color: $muted; font-size: 12px; font-weight: 500;
    min-width: 60px; max-width: 60px;
}
QToolButton[kind="stage"]:checked { background: $accent_soft; color: $accent; border: 1px solid transparent; }
QToolButton[kind="stage"]:focus { border: 1px solid $accent; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
    background: $surface; border: 1px solid $border; border-radius: 6px; padding: 4px 8px;
    selection-background-color: $selection; selection-color: $text;
}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {
    border: 1px solid $accent;
}
QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled { color: $muted; background: $window; }
QLineEdit[invalid="true"] { border: 1px solid $error; }
QPlainTextEdit { padding: 8px; }
QSpinBox, QDoubleSpinBox { padding-right: 18px; }
QComboBox { padding-right: 2px; min-height: 18px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url($icons/chevron-down-$name.svg); width: 12px; height: 12px; }
QSpinBox::up-button, QDoubleSpinBox::up-button { border: none; width: 16px; subcontrol-position: top right; }
QSpinBox::down-button, QDoubleSpinBox::down-button { border: none; width: 16px; subcontrol-position: bottom right; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url($icons/chevron-up-$name.svg); width: 9px; height: 9px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url($icons/chevron-down-$name.svg); width: 9px; height: 9px; }
QComboBox QAbstractItemView {
    background: $surface; border: 1px solid $border; selection-background-color: $selection; selection-color: $text;
    outline: none; padding: 4px;
}
QCheckBox, QRadioButton { spacing: 8px; }
QCheckBox::indicator, QTableView::indicator {
    width: 14px; height: 14px; border: 1px solid $muted; border-radius: 3px; background: $surface;
}
QCheckBox::indicator:checked, QTableView::indicator:checked {
    background: $accent; border-color: $accent; image: url($icons/check-$name.svg);
}
QCheckBox::indicator:focus { border: 1px solid $accent; }
QCheckBox:focus, QRadioButton:focus { color: $accent; }

QTableView, QTreeView, QListView {
    background: $surface; alternate-background-color: $raised; border: none; gridline-color: $border;
    selection-background-color: $selection; selection-color: $text; outline: none;
}
QTableView QLineEdit, QTableView QDoubleSpinBox { border-radius: 0; padding: 0 4px; min-height: 0; }
QTableView QComboBox, QTableView QDoubleSpinBox { background: transparent; border: 1px solid transparent; padding-left: 4px; }
QTableView QComboBox:hover, QTableView QDoubleSpinBox:hover { border: 1px solid $border; border-radius: 4px; }
QTableView QComboBox:focus, QTableView QDoubleSpinBox:focus { border: 1px solid $accent; border-radius: 4px; }
QTableView::item { padding: 0 5px; }
QAbstractScrollArea::corner { background: transparent; border: none; }
QTreeView::item { padding: 3px 0; }
QListWidget::item { padding: 6px 8px; border-radius: 6px; }
QListWidget::item:selected { background: $accent_soft; color: $accent; }
QHeaderView { background: $surface; }
QHeaderView::section {
    background: $surface; color: $muted; border: none; border-bottom: 1px solid $border; padding: 6px 8px; font-weight: 500;
}
QHeaderView::section:vertical { border: none; padding: 0 8px; }
QTableCornerButton::section { background: $surface; border: none; border-bottom: 1px solid $border; }

QTabWidget::pane { border: none; border-top: 1px solid $border; }
QTabBar { background: transparent; }
QTabBar::tab {
    background: transparent; color: $muted; padding: 8px 9px; border: none; border-bottom: 2px solid transparent; font-weight: 500;
}
QTabBar::tab:selected { color: $accent; border-bottom: 2px solid $accent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:focus { color: $accent; }

QMenuBar { background: $surface; border-bottom: 1px solid $border; padding: 2px 8px; }
QMenuBar::item { background: transparent; padding: 5px 10px; border-radius: 4px; }
QMenuBar::item:selected { background: $raised; }
QMenu { background: $surface; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 6px 28px 6px 16px; border-radius: 4px; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }

QStatusBar { background: $surface; border-top: 1px solid $border; color: $muted; }
QStatusBar::item { border: none; }
QStatusBar QLabel { color: $muted; padding: 0 8px; }

QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $accent_soft; }
QScrollArea { border: none; background: transparent; }
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $border; border-radius: 4px; margin: 1px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QProgressBar { background: $raised; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QSlider::groove:horizontal { background: $border; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal {
    background: $surface; border: 2px solid $accent; width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
}
QSlider::handle:horizontal:focus { background: $accent; }
""")


def style_sheet(c: Colours) -> str:
    """The whole sheet for the colours ``c``."""
    from ndestudio.paths import resources_dir

    values = {key: value for key, value in vars(c).items() if isinstance(value, str)}
    return _SHEET.substitute(values, icons=(resources_dir() / "icons").as_posix())
