"""What the tests of this folder share; with -v the worst measured differences are summed up."""

import pytest


@pytest.fixture(params=["scaled_dot_product_attention", "vectorized_attention", "fused"])
def attention(request):
    """Each of the library's three attention functions in turn."""
    module = pytest.importorskip("tinytorch.core.attention")
    if request.param == "fused":
        return pytest.importorskip("tinytorch.fused").attention
    return getattr(module, request.param)


@pytest.fixture
def record_worst(request):
    """Record a measured difference: record_worst(what was compared, how far apart)."""

    def record(what: str, difference: float) -> None:
        request.node.user_properties.append(("worst: " + what, difference))

    return record


def pytest_terminal_summary(terminalreporter) -> None:
    if terminalreporter.config.get_verbosity() < 1:
        return
    worst: dict[str, float] = {}
    for report in terminalreporter.getreports("passed"):
        for what, difference in report.user_properties:
            if what.startswith("worst: "):
                worst[what] = max(difference, worst.get(what, 0.0))
    for what, difference in sorted(worst.items()):
        terminalreporter.write_line(f"{what}: {difference:.1e}")
