"""No command loses work: whole writes, backups, and one `tito` at a time."""

from tito.files.copies import backup, backup_together
from tito.files.locks import lock
from tito.files.whole import BOM, atomic_write, write_text

__all__ = ["BOM", "atomic_write", "backup", "backup_together", "lock", "write_text"]
