"""Import settings as the window keeps and offers them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ndestudio.data.config import DataConfig
from ndestudio.errors import DataError, SettingError
from ndestudio.session.ports import Notifier

if TYPE_CHECKING:
    from ndestudio.data.file_preview import Preview
    from ndestudio.data.import_settings import ImportSettingsStore

IMPORT_SETTINGS = "import-settings.json"
"""Name of the file in the folder of settings."""


class ImportSettingsIntents:
    """Keeps, uses, renames and deletes import settings; what cannot be done is said in a message.

    Parameters
    ----------
    path
        File that holds them; None: that of the person.
    current
        The data settings and the preview of the file that is shown.
    use
        Takes data settings in one edit: (its words, the settings).
    changed
        Called when there are others than before.
    """

    def __init__(
        self,
        path: Path | None,
        notifier: Notifier,
        current: Callable[[], tuple[DataConfig, Preview | None]],
        use: Callable[[str, DataConfig], None],
        changed: Callable[[], None],
    ) -> None:
        self.path = path
        self._notifier, self._current, self._use, self._changed = notifier, current, use, changed
        self._names: tuple[str, ...] | None = None
        self.dismissed: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """Of all that are kept."""
        if self._names is None:
            here = self.path is not None and not self.path.exists()
            self._names = () if here else tuple(one.name for one in self._store().all())
        return self._names

    def save(self, name: str) -> None:
        """Keep how the file is read now."""
        config, preview = self._current()
        if preview is None:
            return
        from ndestudio.data.import_settings import checked_name, settings_from

        labels = tuple(column.label for column in preview.columns)

        def keep() -> None:
            self._store().save(settings_from(name, config, preview.format, labels, preview.decisions))
            self._notifier.toast(
                f"Kept as `{checked_name(name)}`. Files with the same columns will be offered to be read like this.",
                "good",
            )

        self._try(keep)

    def use(self, name: str) -> None:
        """Read the files as these settings say."""
        config, _ = self._current()
        self._try(lambda: self._use(f"Import settings {name}", self._store().get(name).applied(config)))

    def rename(self, old: str, new: str) -> None:
        self._try(lambda: self._store().rename(old, new))

    def delete(self, name: str) -> None:
        self._try(lambda: self._store().delete(name))

    def dismiss(self, name: str) -> None:
        """Do not offer settings again in this session."""
        self.dismissed.add(name)
        self._changed()

    def _store(self) -> ImportSettingsStore:
        from ndestudio.data.import_settings import ImportSettingsStore

        return ImportSettingsStore(self.path)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (SettingError, DataError) as error:
            self._notifier.toast(f"{str(error)[:1].upper()}{str(error)[1:]}.", "warning")
        self._names = None
        self._changed()
