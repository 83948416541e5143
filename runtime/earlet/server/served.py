"""What every route is given: `request.app.state.served`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from earlet.config import ServeConfig
from earlet.service.metrics import Metric

if TYPE_CHECKING:
    from earlet.server.cache import ResultCache
    from earlet.server.traffic import Traffic
    from earlet.server.workers.pool import Pool


@dataclass(kw_only=True)
class Served:
    """The models, and what is known of those who ask for them."""

    config: ServeConfig
    pool: "Pool"
    cache: "ResultCache"  # of the Hugging Face API
    traffic: "Traffic"
    token: bytes | None = None  # what a request must bring; None: nothing
    # Figures of the daemon that listens in the same process, if one does.
    daemon_metrics: Callable[[], Sequence[Metric]] | None = None
    is_draining: bool = False  # it is about to end: nothing new is begun
