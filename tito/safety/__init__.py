"""No command loses work: whole writes, backups, and one `tito` at a time."""

from tito.safety.copies import backup, backup_together
from tito.safety.files import BOM, atomic_write, write_text
from tito.safety.locks import lock

__all__ = ["BOM", "atomic_write", "backup", "backup_together", "lock", "write_text"]
